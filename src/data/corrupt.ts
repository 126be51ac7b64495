import { ArgumentError, messageOf, SourceError } from '../core/errors.js';

/** Counts what is passed over, and tells the console of each; throws when it is more than `most`. */
export type PassOver = (what: string, cause: unknown, given: number) => void;

/** Passes over at most `most` corrupt records, on behalf of `reader`. */
export function passOver(reader: string, most: number): PassOver {
  let passed = 0;
  return (what, cause, given) => {
    passed += 1;
    if (passed > most) {
      const limit = most === 0 ? 'no record may' : `at most ${most} records may`;
      throw new SourceError(`${reader}: ${limit} be corrupt, ${what} is: ${messageOf(cause)}`, given, { cause });
    }
    console.warn(`${reader}: ${what} is corrupt and passed over, ${passed} of at most ${most}: ${messageOf(cause)}`);
  };
}

/** Throws unless `most` can be a limit. */
export function assertMost(most: number, label: string): void {
  if (most !== Infinity && !(Number.isInteger(most) && most >= 0))
    throw new ArgumentError(`${label} must be a whole number of at least 0, received ${String(most)}`);
}
