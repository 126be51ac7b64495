import { messageOf } from '../core/errors.js';

const BUILT_IN: readonly string[] = ['Error', 'TypeError', 'ReferenceError', 'SyntaxError', 'RangeError'];

/** What is said of an error: our own say all in their message; of others, which code of the user's has thrown, where it was. */
export function describeError(error: unknown): string {
  if (!(error instanceof Error)) return messageOf(error);
  if (BUILT_IN.includes(error.name)) return error.stack ?? error.message;
  const { cause } = error;
  const isForeign = cause instanceof Error && BUILT_IN.includes(cause.name) && !isSystem(cause);
  return isForeign ? `${error.message}\n${cause.stack ?? ''}` : error.message;
}

/** A file that is not there, a disk that is full: where in Node it was found out helps nobody. */
function isSystem(error: Error): boolean {
  return 'syscall' in error;
}
