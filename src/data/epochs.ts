import type { AsyncIterableX } from 'ix/asynciterable';
import { defer } from 'ix/asynciterable/defer';
import { wrapWithAbort } from 'ix/asynciterable/operators/withabort';

import { assertPositiveInteger, SourceError } from '../core/errors.js';
import { openSource, type EpochSource } from '../core/source.js';

/**
 * Gives a source `n` times over, and tells each value its epoch.
 *
 * One pass is seldom enough, and each pass wants an order of its own.
 *
 * ```text
 * source:  a  b |
 *              epochs(source, 3)
 * output:  a1 b1 a2 b2 a3 b3 |        a1 = { ...a, epoch: 1 }
 * ```
 *
 * A source that can be read many times (an array, `fromArrays`, `csv` of a path) is given as it is; for a stream or a generator, and for an order
 * that changes, give a function that makes one for each epoch. An epoch that gives nothing is an error, and so is an empty source. An error of
 * the source passes at once; early exit ends the source of that epoch at once and aborts the signal that its function was given.
 *
 * **Memory**: nothing is held; each value is a shallow copy.
 *
 * @example
 * ```ts
 * const samples = fromArrays({ xs: [[1], [2], [3]], ys: [1, 2, 3] });
 * const batches = epochs((epoch) => samples.pipe(shuffle({ seed: 7, epoch }), batch(2)), 10);
 * ```
 *
 * @param source - An AsyncIterable, Iterable, ReadableStream or `tf.data.Dataset` of objects, or a function of the epoch that makes one.
 * @param n - How many epochs; a positive integer or Infinity.
 * @throws {@link ArgumentError} at once, if `n` is neither.
 * Errors with {@link SourceError}, if an epoch gives nothing.
 */
export function epochs<T extends object>(
  source: EpochSource<T>,
  n: number,
): AsyncIterableX<T & { readonly epoch: number }> {
  if (n !== Infinity) assertPositiveInteger(n, 'epochs: n');
  return defer((signal) => tagged(source, n, signal));
}

async function* tagged<T extends object>(
  source: EpochSource<T>,
  n: number,
  outer: AbortSignal | undefined,
): AsyncGenerator<T & { readonly epoch: number }, void, undefined> {
  const exit = new AbortController();
  const signal = outer ? AbortSignal.any([outer, exit.signal]) : exit.signal;
  let given = 0;
  try {
    for (let epoch = 1; epoch <= n; epoch += 1) {
      const before = given;
      const opened = openSource(source, epoch, signal);
      for await (const value of Symbol.asyncIterator in opened ? wrapWithAbort(opened, signal) : opened) {
        given += 1;
        yield { ...value, epoch };
      }
      if (given > before) continue;
      const remedy =
        epoch === 1 ? 'the source is empty' : 'it is exhausted: pass a function that makes a new source for each epoch';
      throw new SourceError(
        `epochs: the source must give a value in every epoch, received none in epoch ${epoch}; ${remedy}`,
        given,
      );
    }
  } finally {
    exit.abort();
  }
}
