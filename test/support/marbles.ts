import { configure } from 'rxjs-marbles';
import { expect } from 'vitest';

/** Wraps a test in virtual time; failures print Vitest's own diff. */
export const { marbles } = configure({
  assertDeepEqual: (actual, expected) => expect(actual).toStrictEqual(expected),
  frameworkMatcher: true,
});
