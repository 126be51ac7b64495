import type * as tf from '@tensorflow/tfjs';

/** Numbers on the host with a shape; they become a tensor when a pass is computed, so nothing has to be disposed before. */
export interface NdArray {
  readonly data: Float32Array | Int32Array | Uint8Array;
  readonly shape: readonly number[];
}

/** One input or label of a batch: on the host, or a tensor that the batch owns. The first axis counts the samples. */
export type BatchValue = NdArray | tf.Tensor;

/** What a batch holds for inputs or labels: one value, several in order, or several by name. */
export type BatchValues = BatchValue | readonly BatchValue[] | Readonly<Record<string, BatchValue>>;

/** Samples that go through the device together. Whoever holds it owns the tensors in it. */
export interface Batch {
  readonly xs: BatchValues;
  readonly ys: BatchValues;
  /**
   * How much the batch counts in the means over a window, or how much each of its samples counts.
   * Left out, every sample counts 1; for a language model it may be the number of tokens.
   */
  readonly weight?: number | ArrayLike<number>;
  /** Which pass over the data it belongs to; the first is 1. */
  readonly epoch?: number;
}

/** True for a tensor, by its shape: nothing here imports a tensor library. */
export function isTensor(value: unknown): value is tf.Tensor {
  return typeof value === 'object' && value !== null && 'dataId' in value && 'dispose' in value;
}

/** True for an array on the host. */
export function isNdArray(value: unknown): value is NdArray {
  return typeof value === 'object' && value !== null && ArrayBuffer.isView((value as NdArray).data) && 'shape' in value;
}

/** Every single value among inputs or labels, in order. */
export function valuesOf(values: BatchValues): BatchValue[] {
  if (isNdArray(values) || isTensor(values)) return [values];
  return Object.values(values as Record<string, BatchValue>);
}

/** The number of samples in a batch: the first axis of its first input. */
export function samplesOf(batch: Batch): number {
  return valuesOf(batch.xs)[0]?.shape[0] ?? 0;
}

/** How many samples are trained on: those of a batch without weight fill a place only. */
export function countedSamples(batch: Batch): number {
  return weightOf(batch) === 0 ? 0 : samplesOf(batch);
}

/** What the whole batch weighs. */
export function weightOf(batch: Batch): number {
  const { weight } = batch;
  if (weight === undefined) return samplesOf(batch);
  return typeof weight === 'number' ? weight : Array.from(weight).reduce((sum, w) => sum + w, 0);
}

/** Disposes every tensor that `value` holds, at any depth, but no variable: those are the model's. */
export function disposeTensors(value: unknown): void {
  if (isTensor(value)) {
    if (!value.isDisposed && !('assign' in value)) value.dispose();
  } else if (typeof value === 'object' && value !== null && !isNdArray(value) && !ArrayBuffer.isView(value)) {
    const prototype: unknown = Object.getPrototypeOf(value);
    if (Array.isArray(value)) value.forEach(disposeTensors);
    else if (prototype === Object.prototype || prototype === null)
      for (const name in value) disposeTensors(value[name as keyof typeof value]); // Object.values takes a microsecond where there is a symbol
  }
}
