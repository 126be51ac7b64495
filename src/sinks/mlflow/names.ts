/** MLflow's own limits. */
const MOST_NAME = 250;
const MOST_VALUE = 6000;

/** A name as MLflow takes it: letters, digits and `_ - . : /`, at most 250 of them. What else there is becomes `_`. */
export function nameOf(name: string): string {
  const known = name.replace(/[^\p{L}\p{N}_/.\- :]/gu, '_').slice(0, MOST_NAME);
  // It must not be a path that leads elsewhere: `a//b`, `../b`, `/b`, `b/`.
  const parts = known.split('/').map((part) => (/^\.{0,2}$/.test(part) ? '_' : part));
  return parts.join('/');
}

/** A parameter's value, or a tag's, cut where it is too long. */
export function valueOf(text: string): string {
  return text.length <= MOST_VALUE ? text : `${text.slice(0, MOST_VALUE - 1)}…`;
}
