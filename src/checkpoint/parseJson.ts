import { CheckpointError, messageOf } from '../core/errors.js';

/** How deep lists and objects may be nested: far more than any checkpoint needs, far less than the stack holds. */
export const DEEPEST = 100;

/**
 * JSON from elsewhere: UTF-8, not too deep for what goes through it later, and no name twice in an object, where readers differ in which one counts.
 *
 * @param label - What it is, for messages.
 * @throws {@link CheckpointError} if it is something else.
 */
export function parseJson(bytes: Uint8Array, label: string): unknown {
  try {
    const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
    checkNesting(text);
    return JSON.parse(text);
  } catch (cause) {
    throw new CheckpointError(`${label} must be JSON: ${messageOf(cause)}`, { cause });
  }
}

/** Goes through the text once; what is no JSON is left to the parser. */
function checkNesting(text: string): void {
  /** The names in each object that is open so far; none for a list. */
  const open: (Set<string> | undefined)[] = [];
  for (let at = 0; at < text.length; at += 1) {
    const char = text[at];
    if (char === '{' || char === '[') {
      if (open.push(char === '{' ? new Set() : undefined) > DEEPEST)
        throw new SyntaxError(`it must be nested ${DEEPEST} deep at most`);
    } else if (char === '}' || char === ']') {
      open.pop();
    } else if (char === '"') {
      const end = endOfString(text, at);
      const names = open.at(-1);
      if (names && isName(text, end)) {
        const name = JSON.parse(text.slice(at, end)) as string;
        if (names.has(name)) throw new SyntaxError(`'${name}' must not be there twice`);
        names.add(name);
      }
      at = end - 1;
    }
  }
}

/** Where the string that begins at `begin` is over. */
function endOfString(text: string, begin: number): number {
  let at = begin + 1;
  while (at < text.length && text[at] !== '"') at += text[at] === '\\' ? 2 : 1;
  return at + 1;
}

function isName(text: string, end: number): boolean {
  let at = end;
  while (at < text.length && ' \n\r\t'.includes(text[at]!)) at += 1;
  return text[at] === ':';
}
