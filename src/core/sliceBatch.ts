import { isNdArray, isTensor, samplesOf, weightOf, type Batch, type BatchValue, type BatchValues } from './batch.js';
import { tensors } from './tensors.js';

/** The samples of a batch from `start` to before `end`. Arrays are views; tensors are new, and the caller's. */
export function sliceBatch(batch: Batch, start: number, end: number): Batch {
  const { xs, ys, weight, ...rest } = batch;
  const own =
    typeof weight === 'number'
      ? (weight * (end - start)) / samplesOf(batch)
      : weight && Array.from(weight).slice(start, end);
  const sliced = { xs: sliceValues(xs, start, end), ys: sliceValues(ys, start, end) };
  return { ...rest, ...sliced, ...(own !== undefined && { weight: own }) };
}

/** How much samples of a batch count in the mean over it. */
export function shareOf(part: Batch, batch: Batch): number {
  const whole = weightOf(batch);
  const weighsEach = batch.weight !== undefined && typeof batch.weight !== 'number';
  if (!weighsEach) return samplesOf(part) / samplesOf(batch);
  return whole === 0 ? 0 : weightOf(part) / whole;
}

function sliceValues(values: BatchValues, start: number, end: number): BatchValues {
  if (isTensor(values) || isNdArray(values)) return sliceValue(values, start, end);
  if (Array.isArray(values)) return values.map((value: BatchValue) => sliceValue(value, start, end));
  return Object.fromEntries(Object.entries(values).map(([name, value]: [string, BatchValue]) => [name, sliceValue(value, start, end)])); // prettier-ignore
}

function sliceValue(value: BatchValue, start: number, end: number): BatchValue {
  if (isTensor(value)) return tensors().slice(value, [start], [end - start]);
  const [samples = 1, ...shape] = value.shape;
  const size = value.data.length / samples;
  return { data: value.data.subarray(start * size, end * size), shape: [end - start, ...shape] };
}
