import { ndArray } from '../../src/data/ndArray.js';
import type { Sample } from '../../src/data/sample.js';

/** Everything that a source gives, in order. */
export async function collect<T>(source: AsyncIterable<T>): Promise<T[]> {
  const values: T[] = [];
  for await (const value of source) values.push(value);
  return values;
}

/** What a source gave until it failed, and with what. */
export async function collectUntilError<T>(source: AsyncIterable<T>): Promise<{ values: T[]; error: unknown }> {
  const values: T[] = [];
  try {
    for await (const value of source) values.push(value);
  } catch (error) {
    return { values, error };
  }
  throw new Error('the source was expected to fail');
}

/** What a call throws. */
export function thrownBy(call: () => unknown): unknown {
  try {
    call();
  } catch (error) {
    return error;
  }
  throw new Error('the call was expected to throw');
}

/** A source that notes what happens to it; it fails after its values if `error` is given. */
export function watched<T>(values: Iterable<T>, error?: Error) {
  const seen = { opened: 0, pulled: 0, closed: 0, signals: [] as (AbortSignal | undefined)[] };
  const source: AsyncIterable<T> = {
    [Symbol.asyncIterator]: (signal?: AbortSignal) => {
      seen.opened += 1;
      seen.signals.push(signal);
      return (async function* () {
        try {
          for (const value of values) {
            seen.pulled += 1;
            yield value;
          }
          if (error) throw error;
        } finally {
          seen.closed += 1;
        }
      })();
    },
  };
  return { source, seen };
}

/** Samples 0 to n − 1: inputs [i, −i], label i. */
export function someSamples(n: number): Sample[] {
  return Array.from({ length: n }, (_, i) => ({ xs: ndArray([i, -i]), ys: ndArray(i, 'int32') }));
}

/** A promise, and what settles it. */
export function deferred<T>() {
  let resolve!: (value: T) => void;
  let reject!: (error: unknown) => void;
  const promise = new Promise<T>((yes, no) => {
    resolve = yes;
    reject = no;
  });
  return { promise, resolve, reject };
}

/** Lets everything that waits for no clock get on. */
export function settle(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
