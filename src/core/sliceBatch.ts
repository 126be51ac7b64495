import type * as tf from '@tensorflow/tfjs';

import { isNdArray, isTensor, samplesOf, weightOf, type Batch, type BatchValue, type BatchValues } from './batch.js';
import { tensors } from './tensors.js';

/** The samples of a batch from `start` to before `end`. Arrays are views; tensors are new, and the caller's. */
export function sliceBatch(batch: Batch, start: number, end: number): Batch {
  const { xs, ys, weight, ...rest } = batch;
  const own =
    typeof weight === 'number'
      ? (weight * (end - start)) / samplesOf(batch)
      : weight && Array.from(weight).slice(start, end);
  const sliced = (value: BatchValue): BatchValue => sliceValue(value, start, end);
  return { ...rest, xs: mapValues(xs, sliced), ys: mapValues(ys, sliced), ...(own !== undefined && { weight: own }) };
}

/** As many samples as are asked for, the batch's again and again; none weighs more. The batch holds tensors; those made are new, and the caller's. */
export function repeatSamples({ xs, ys }: Batch, samples: number): Batch {
  const repeated = (value: BatchValue): BatchValue => {
    const rows = Array.from({ length: samples }, (_, i) => i % value.shape[0]!);
    return tensors().gather(value as tf.Tensor, rows);
  };
  return { xs: mapValues(xs, repeated), ys: mapValues(ys, repeated) };
}

/** How much samples of a batch count in the mean over it. */
export function shareOf(part: Batch, batch: Batch): number {
  const whole = weightOf(batch);
  const weighsEach = batch.weight !== undefined && typeof batch.weight !== 'number';
  if (!weighsEach) return samplesOf(part) / samplesOf(batch);
  return whole === 0 ? 0 : weightOf(part) / whole;
}

function mapValues(values: BatchValues, map: (value: BatchValue) => BatchValue): BatchValues {
  if (isTensor(values) || isNdArray(values)) return map(values);
  if (Array.isArray(values)) return values.map(map);
  return Object.fromEntries(Object.entries(values).map(([name, value]: [string, BatchValue]) => [name, map(value)]));
}

function sliceValue(value: BatchValue, start: number, end: number): BatchValue {
  if (isTensor(value)) return tensors().slice(value, [start], [end - start]);
  const [samples = 1, ...shape] = value.shape;
  const size = value.data.length / samples;
  return { data: value.data.subarray(start * size, end * size), shape: [end - start, ...shape] };
}
