import type * as tf from '@tensorflow/tfjs';

import { isNdArray, isTensor, valuesOf, type Batch, type BatchValues, type NdArray } from '../../core/batch.js';
import { upload } from '../../core/predict.js';
import { SHARES, sharesOf, type SharedBatch } from '../../core/reduceSamples.js';

/** A batch's tensors in order. Those that were on the host have been copied; `made` are to be disposed. */
export interface Fed {
  /** As it came. */
  readonly given: Batch;
  readonly batch: SharedBatch;
  readonly tensors: readonly tf.Tensor[];
  readonly made: readonly tf.Tensor[];
}

/** Copies what a batch has on the host to tensors. */
export function feed(library: typeof tf, batch: Batch): Fed {
  const there = new Set<unknown>([...valuesOf(batch.xs), ...valuesOf(batch.ys)].filter(isTensor));
  const shares = sharesOf(batch);
  const { xs, ys, weighing } = library.tidy(() => ({
    xs: upload(batch.xs),
    ys: upload(batch.ys),
    weighing: shares ? [library.tensor1d(shares)] : [],
  }));
  const values = [...valuesOf(xs as BatchValues), ...valuesOf(ys as BatchValues)] as tf.Tensor[];
  const tensors = [...values, ...weighing];
  return {
    given: batch,
    batch: { ...batch, xs, ys, ...(weighing[0] && { [SHARES]: weighing[0] }) },
    tensors,
    made: tensors.filter((tensor) => !there.has(tensor)),
  };
}

/** What batches must have in common to be computed by one program. */
export function keyOf({ xs, ys, weight }: Batch): string {
  return `${kindOf(xs)};${kindOf(ys)};${typeof weight === 'object' ? 'shares' : ''}`;
}

/** {@link keyOf}, which takes as long as a small op, for batches most of which are like the one before. */
export function keyReader(): typeof keyOf {
  let [key, isLikeBefore]: [string, (batch: Batch) => boolean] = ['', () => false];
  return (batch) => {
    if (!isLikeBefore(batch)) [key, isLikeBefore] = [keyOf(batch), likeness(batch)];
    return key;
  };
}

/** Says of batches whether they are like this one, which it does not hold; of those that are not two arrays, that they may not be. */
function likeness({ xs, ys, weight }: Batch): (batch: Batch) => boolean {
  if (!isNdArray(xs) || !isNdArray(ys) || typeof weight === 'object') return () => false;
  const like = ({ data, shape: given }: NdArray): ((value: BatchValues) => boolean) => {
    const { constructor } = data;
    const shape = [...given]; // which may be used again for another
    return (value) => isNdArray(value) && value.data.constructor === constructor && isSame(value.shape, shape);
  };
  const [likeXs, likeYs] = [like(xs), like(ys)];
  return (batch) => typeof batch.weight !== 'object' && likeXs(batch.xs) && likeYs(batch.ys);
}

function isSame(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.every((length, axis) => length === b[axis]);
}

function kindOf(values: BatchValues): string {
  if (isTensor(values)) return `${values.dtype}${values.shape.join()}`;
  if (isNdArray(values)) return `${values.data instanceof Float32Array ? 'float32' : 'int32'}${values.shape.join()}`;
  return Object.entries(values as Record<string, BatchValues>)
    .map(([name, value]) => `${name}:${kindOf(value)}`)
    .join();
}
