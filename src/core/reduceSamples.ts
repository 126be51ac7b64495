import type * as tf from '@tensorflow/tfjs';

import { isTensor, samplesOf, weightOf, type Batch } from './batch.js';
import { tensors } from './tensors.js';

/** The key under which a batch may hold its samples' shares as a tensor, as long as the batch is computed on. */
export const SHARES: unique symbol = Symbol('gradstream.shares');

/** A batch whose shares are on the device already; they stay whose they are. */
export type SharedBatch = Batch & { readonly [SHARES]?: tf.Tensor1D };

/** What part each sample has in the batch's mean; undefined if all have the same. */
export function sharesOf(batch: Batch): Float32Array | undefined {
  if (batch.weight === undefined || typeof batch.weight === 'number') return undefined;
  const total = weightOf(batch) || 1;
  return Float32Array.from(batch.weight, (weight) => weight / total);
}

/** Values per sample as their weighted mean, a scalar as it is; otherwise what must hold and what came. */
export function reduceSamples(values: unknown, batch: SharedBatch): tf.Scalar | string {
  const { cast, mean, mul, sum, tensor1d } = tensors();
  const { weight } = batch;
  const samples = samplesOf(batch);
  if (!isTensor(values)) return `a tensor, received ${String(values)}`;
  const numbers = values.dtype === 'float32' ? values : cast(values, 'float32');
  const perSample = weight !== undefined && typeof weight !== 'number';
  if (values.rank === 0 && !perSample) return numbers as tf.Scalar;
  if (values.rank !== 1 || values.shape[0] !== samples) {
    const wanted = perSample
      ? `one value for each of ${samples} samples, since the batch weighs each`
      : `a scalar or one value for each of ${samples} samples`;
    return `${wanted}, received shape [${values.shape.join(', ')}]`;
  }
  if (!perSample) return mean<tf.Scalar>(numbers);
  return sum<tf.Scalar>(mul(numbers, batch[SHARES] ?? tensor1d(sharesOf(batch)!)));
}
