import type * as tf from '@tensorflow/tfjs';

import { disposeTensors } from './batch.js';
import { ArgumentError } from './errors.js';
import { last, max, mean, sum, type Reducer } from './metric.js';
import type { Part, Parts } from './parts.js';
import { tensors } from './tensors.js';
import type { ForwardPass, MicroBatchResult } from './values.js';

/** What a part of a micro-batch gave, or all parts so far; gradients are elsewhere for a compiled step. */
export interface PartResult extends MicroBatchResult {
  readonly gradients?: tf.Tensor1D;
}

/** Adds what a part gave to what those before it did. Takes both. */
export function addPart(
  before: PartResult | undefined,
  given: PartResult,
  { share }: Part,
  { reducers }: Pick<ForwardPass, 'reducers'>,
  { perSample }: Parts,
): PartResult {
  try {
    const merged = tensors().tidy(() => ({
      loss: plus(before?.loss, given.loss, share),
      ...(given.gradients && { gradients: plus(before?.gradients, given.gradients, share) }),
      metrics: Object.fromEntries(
        Object.entries(given.metrics).map(([name, value]) => {
          const reduce = perSample.has(name) ? mean : (reducers[name] ?? mean);
          return [name, withMetric(name, reduce, before?.metrics[name], value, share)];
        }),
      ),
    }));
    return { ...merged, weight: given.weight };
  } finally {
    disposeTensors([before, given]);
  }
}

/** The sum with share·value; without a share it counts nothing, NaN or not. */
function plus<T extends tf.Tensor>(before: T | undefined, value: T, share: number): T {
  const { add, clone, mul, zerosLike } = tensors();
  if (share === 0) return before ? clone(before) : zerosLike(value);
  return before ? add<T>(before, mul(value, share)) : mul<T>(value, share);
}

function withMetric(
  name: string,
  reduce: Reducer,
  before: tf.Scalar | undefined,
  value: tf.Scalar,
  share: number,
): tf.Scalar {
  const { add, clone, maximum } = tensors();
  if (reduce === mean) return plus(before, value, share);
  if (reduce === last || !before) return clone(value);
  if (reduce === sum) return add(before, value);
  if (reduce === max) return maximum(before, value);
  throw new ArgumentError(
    `retryWithSmallerBatches: the metric '${name}' must be reduced by mean, sum, max or last, or give one value per sample, ` +
      'received a reducer of its own',
  );
}
