import { ArgumentError } from '../../core/errors.js';

/** Hyper-parameters: plain data, nested as one likes. */
export type Params = Readonly<Record<string, unknown>>;

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

/** Nested hyper-parameters as MLflow keeps them: `optimizer.learningRate`, text, cut where it is too long. */
export function flatParams(params: Params): { key: string; value: string }[] {
  return leaves('', params).map(([name, value]) => ({ key: nameOf(name), value: cut(value) }));
}

function leaves(name: string, value: unknown): [string, string][] {
  if (value === undefined) return [];
  if (value === null || ['string', 'number', 'boolean', 'bigint'].includes(typeof value))
    return [[name, String(value)]];
  if (Array.isArray(value)) return [[name, JSON.stringify(value)]];
  const prototype: unknown = typeof value === 'object' ? Object.getPrototypeOf(value) : undefined;
  if (prototype !== Object.prototype && prototype !== null)
    throw new ArgumentError(`mlflow: params must be plain data, ${name} is ${String(value)}`);
  return Object.entries(value as Params).flatMap(([key, each]) => leaves(name ? `${name}.${key}` : key, each));
}

function cut(text: string): string {
  return text.length <= MOST_VALUE ? text : `${text.slice(0, MOST_VALUE - 1)}…`;
}
