import { defer } from 'ix/asynciterable/defer';
import { wrapWithAbort } from 'ix/asynciterable/operators/withabort';
import type { MonoTypeOperatorAsyncFunction } from 'ix/interfaces';

import { disposeTensors } from '../core/batch.js';
import { assertPositiveInteger } from '../core/errors.js';
import { randomFromState, seededRandom, type Random } from './random.js';

/** Options of {@link shuffle}. */
export interface ShuffleOptions {
  /** A whole number; the same seed gives the same order. */
  readonly seed: number;
  /** Which epoch's order; each epoch has one of its own. 1 unless given. */
  readonly epoch?: number;
  /** How many values it may hold at a time; all of them unless given. */
  readonly buffer?: number;
}

/**
 * Gives the values of a source in a random order that depends on the seed and the epoch only.
 *
 * Batches of neighbours would pull the weights to and fro; and an order that can be had again is what makes a run repeatable and resumable.
 *
 * ```text
 * source:  a b c d e |
 *              shuffle({ seed: 2 })
 * output:            b d a e c |            reads everything, then gives a permutation
 *
 * source:  a b c d e |
 *              shuffle({ seed: 2, buffer: 2 })
 * output:    a c d e b |                    gives one of two held values for each that comes
 * ```
 *
 * With a `buffer` a value comes at most `buffer − 1` places early, and may stay for long; `buffer: 1` changes nothing. An empty source stays
 * empty. An error of the source passes at once, and values still held are lost with it. Early exit ends the source at once.
 *
 * **Memory**: holds the whole source, or `buffer` values; samples of `fromArrays` are views and weigh next to nothing.
 * **Ownership**: disposes the tensors in values that nobody takes any more.
 *
 * @example
 * ```ts
 * const samples = fromArrays({ xs: [[1], [2], [3]], ys: [1, 2, 3] });
 * const batches = epochs((epoch) => samples.pipe(shuffle({ seed: 7, epoch }), batch(2)), 10);
 * ```
 *
 * @param options - The seed; for large sources a buffer.
 * @throws {@link ArgumentError} at once, if the seed is no whole number, or the epoch or the buffer no positive integer.
 */
export function shuffle<T>({ seed, epoch = 1, buffer = Infinity }: ShuffleOptions): MonoTypeOperatorAsyncFunction<T> {
  if (buffer !== Infinity) assertPositiveInteger(buffer, 'shuffle: buffer');
  assertPositiveInteger(epoch, 'shuffle: epoch');
  const { state } = seededRandom(seed, 'shuffle', epoch);
  return (source) => defer((signal) => shuffled(wrapWithAbort(source, signal), randomFromState(state), buffer));
}

async function* shuffled<T>(
  source: AsyncIterable<T>,
  random: Random,
  buffer: number,
): AsyncGenerator<T, void, undefined> {
  const held: T[] = [];
  const takeOne = (): T => {
    const i = random.nextInt(held.length);
    const taken = held[i]!;
    held[i] = held[held.length - 1]!;
    held.pop();
    return taken;
  };
  try {
    for await (const value of source) {
      held.push(value);
      if (held.length >= buffer) yield takeOne();
    }
    while (held.length > 0) yield takeOne(); // Fisher–Yates, one swap at a time
  } finally {
    held.forEach((value) => disposeTensors(value));
  }
}
