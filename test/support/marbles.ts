import { configure } from 'rxjs-marbles';
import { expect } from 'vitest';

const configured = configure({
  assertDeepEqual: (actual, expected) => expect(actual).toStrictEqual(expected),
  frameworkMatcher: true,
});

/** Wraps a test in virtual time; failures print Vitest's own diff. */
export const marbles = configured.marbles;
