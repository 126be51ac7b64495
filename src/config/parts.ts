import { closestMatch } from 'leven';
import * as v from 'valibot';

import { messageOf } from '../core/errors.js';

/** What schemas of configs are made of: each says what must be there in words for people. */

const WORDS: Readonly<Record<string, string>> = {
  number: 'a number',
  string: 'a text',
  boolean: 'true or false',
  Array: 'a list',
  Object: 'an object',
  Function: 'a function',
};

/** What is said of a value that is none of those that were expected. */
export function messageFor({ expected, received }: v.BaseIssue<unknown>): string {
  return `must be ${WORDS[expected ?? ''] ?? expected}, it is ${received}`;
}

/** The nearest of some names, as a question; nothing where none is near. */
export function didYouMean(name: string, known: readonly string[]): string {
  const near = closestMatch(name.toLowerCase(), known.map((each) => each.toLowerCase()), {
    maxDistance: Math.max(2, Math.floor(name.length / 3)),
  }); // prettier-ignore
  const meant = known.find((each) => each.toLowerCase() === near);
  return meant === undefined ? `; known are ${known.join(', ')}` : `; did you mean '${meant}'?`;
}

/** An object with these keys and no others. */
export function objectOf<const E extends v.ObjectEntries>(
  entries: E,
): v.StrictObjectSchema<E, v.ErrorMessage<v.StrictObjectIssue>> {
  return v.strictObject(entries, (issue) => {
    if (issue.path === undefined) return messageFor(issue);
    if (issue.expected !== 'never') return 'must be given';
    return `there is no such key${didYouMean(String(issue.input), Object.keys(entries))}`;
  });
}

/** One of some names. */
export function oneOf<const N extends readonly string[]>(names: N): v.GenericSchema<N[number]> {
  return v.picklist(names, ({ input, received }) =>
    typeof input === 'string'
      ? `must be a name that is known, it is ${received}${didYouMean(input, names)}`
      : `must be one of ${names.join(', ')}, it is ${received}`,
  );
}

/** A positive integer. */
export const count: v.GenericSchema<number> = v.custom<number>(
  (value) => Number.isSafeInteger(value) && (value as number) > 0,
  ({ received }) => `must be a positive integer, it is ${received}`,
);

/** What a check or a maker throws becomes what is said of the value. */
export function made<I, O>(make: (value: I) => O): v.RawTransformAction<I, O> {
  return v.rawTransform<I, O>(({ dataset, addIssue, NEVER }) => {
    try {
      return make(dataset.value);
    } catch (error) {
      addIssue({ message: messageOf(error) });
      return NEVER;
    }
  });
}

export const isFunction = (value: unknown): value is (...args: never[]) => unknown => typeof value === 'function';

/** A function, taken as it is. */
export function functionOf<F>(): v.GenericSchema<F> {
  return v.custom<F>(isFunction, messageFor as v.ErrorMessage<v.CustomIssue>);
}
