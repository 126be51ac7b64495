import { defer } from 'ix/asynciterable/defer';
import { wrapWithAbort } from 'ix/asynciterable/operators/withabort';
import type { OperatorAsyncFunction } from 'ix/interfaces';

import type { Batch } from '../core/batch.js';
import { ArgumentError, assertPositiveInteger, SourceError } from '../core/errors.js';
import { dtypeOf, emptyData } from './ndArray.js';
import { describe, isAlike, isSampleValues, mapValues, valueAt, type Sample, type SampleValues } from './sample.js';

/** Options of {@link batch}. */
export interface BatchOptions<T> {
  /** What becomes of a last batch that is not full; it is kept unless asked otherwise. */
  readonly remainder?: 'keep' | 'drop';
  /** How much a sample counts, at least 0; every one counts 1 unless given. */
  readonly weight?: (sample: T) => number;
}

/**
 * Stacks every `size` samples into a batch.
 *
 * A device that gets many samples at once is busy; one that gets them singly waits.
 *
 * ```text
 * source:  a  b  c  d  e |
 *               batch(2)
 * output:     x     y    z |       x = [a, b]   y = [c, d]   z = [e]
 * ```
 *
 * Samples hold one value, a list or a record, and so does the batch. A short last batch is given as it stands, or dropped with
 * `remainder: 'drop'`. An empty source gives no batch. An error of the source passes at once, and samples that wait are lost with it.
 * Samples that `epochs` has tagged are not mixed: a batch ends with its epoch, and is tagged with it.
 *
 * **Shapes**: a leading axis for the samples: `[784]` becomes `[size, 784]`, a scalar's `[]` becomes `[size]`. Batches may differ from one
 * another (texts sorted by length), samples of one batch may not.
 * **Memory**: a fresh typed array for each value of each batch.
 *
 * @example
 * ```ts
 * const batches = fromArrays({ xs: [[1, 2], [3, 4], [5, 6]], ys: [0, 1, 1] }).pipe(
 *   batch(2, { weight: ({ ys }) => (ys.data[0] === 1 ? 2 : 1) }),
 * );
 * ```
 *
 * @param size - Samples per batch; a positive integer.
 * @param options - What becomes of the remainder; how much each sample counts.
 * @throws {@link ArgumentError} at once, if `size` is no positive integer or `remainder` something else.
 * Errors with {@link SourceError}, if a sample holds no NdArrays, differs from the first of its batch, or its weight is no number of at least 0.
 */
export function batch<T extends Sample>(size: number, options: BatchOptions<T> = {}): OperatorAsyncFunction<T, Batch> {
  const { remainder = 'keep', weight } = options;
  assertPositiveInteger(size, 'batch: size');
  if (remainder !== 'keep' && remainder !== 'drop') {
    throw new ArgumentError(`batch: remainder must be 'keep' or 'drop', received ${String(remainder)}`);
  }
  return (source) => defer((signal) => batched(wrapWithAbort(source, signal), size, remainder === 'keep', weight));
}

async function* batched<T extends Sample>(
  source: AsyncIterable<T>,
  size: number,
  keep: boolean,
  weight: BatchOptions<T>['weight'],
): AsyncGenerator<Batch, void, undefined> {
  let held: T[] = [];
  let weights: number[] = [];
  let samples = 0;
  let batches = 0;

  const close = (): Batch => {
    const { epoch } = held[0]!;
    const xs = stack(held.map((sample) => sample.xs));
    const ys = stack(held.map((sample) => sample.ys));
    const closed = { xs, ys, ...(weight && { weight: weights }), ...(epoch !== undefined && { epoch }) };
    held = [];
    weights = [];
    batches += 1;
    return closed;
  };

  for await (const sample of source) {
    if (held.length > 0 && held[0]!.epoch !== sample?.epoch) {
      if (keep) yield close();
      held = [];
      weights = [];
    }
    samples += 1;
    assertFits(sample, held[0] ?? sample, samples, batches);
    held.push(sample);
    if (weight) weights.push(checkedWeight(weight(sample), samples, batches));
    if (held.length === size) yield close();
  }
  if (keep && held.length > 0) yield close();
}

function stack(parts: readonly SampleValues[]): SampleValues {
  return mapValues(parts[0]!, (first, key) => {
    const size = first.data.length;
    const data = emptyData(dtypeOf(first.data), parts.length * size);
    parts.forEach((values, i) => data.set(valueAt(values, key).data, i * size));
    return { data, shape: [parts.length, ...first.shape] };
  });
}

function assertFits(sample: Sample, first: Sample, index: number, batches: number): void {
  for (const part of ['xs', 'ys'] as const) {
    const values = sample?.[part];
    if (sample === first ? isSampleValues(values) : isAlike(values, first[part])) continue;
    const expected =
      sample === first ? 'NdArrays whose data fit their shapes' : `${describe(first[part])}, as the first of its batch`;
    throw new SourceError(
      `batch: sample ${index} must have ${part} of ${expected}, received ${describe(values)}`,
      batches,
    );
  }
}

function checkedWeight(weight: number, index: number, batches: number): number {
  if (weight >= 0 && weight < Infinity) return weight;
  throw new SourceError(
    `batch: the weight of sample ${index} must be a number of at least 0, received ${String(weight)}`,
    batches,
  );
}
