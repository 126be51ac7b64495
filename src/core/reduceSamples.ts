import type * as tf from '@tensorflow/tfjs';

import { isTensor, samplesOf, weightOf, type Batch } from './batch.js';
import { tensors } from './tensors.js';

/** Values per sample as their weighted mean, a scalar as it is; otherwise what must hold and what came. */
export function reduceSamples(values: unknown, { weight, ...batch }: Batch): tf.Scalar | string {
  const { cast, div, mean, mul, sum, tensor1d } = tensors();
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
  const total = weightOf({ ...batch, weight });
  if (total === 0) return sum<tf.Scalar>(mul(numbers, 0));
  return div<tf.Scalar>(sum(mul(numbers, tensor1d(Float32Array.from(weight)))), total);
}
