import type * as tf from '@tensorflow/tfjs';

import { isNdArray, isTensor, valuesOf, type Batch, type BatchValues } from './batch.js';
import { BatchError, messageOf } from './errors.js';
import type { Model } from './model.js';
import { tensors } from './tensors.js';

/** Inputs, labels or predictions on the device: one tensor, several in order, or several by name. */
export type Values = tf.Tensor | tf.Tensor[] | tf.NamedTensorMap;

/** Inputs or labels as tensors: arrays on the host are copied to the device, tensors are taken as they are. */
export function upload(values: BatchValues): Values {
  if (isTensor(values)) return values;
  if (isNdArray(values)) return tensors().tensor(values.data, [...values.shape]);
  const entries = Object.entries(values as Record<string, BatchValues>).map(
    ([name, value]) => [name, upload(value) as tf.Tensor] as const,
  );
  return Array.isArray(values) ? entries.map(([, value]) => value) : Object.fromEntries(entries);
}

/** The model's predictions for a batch. */
export function predict(model: Model, batch: Pick<Batch, 'xs'>, training: boolean, microStep: number): Values {
  try {
    return model.apply(upload(batch.xs), { training }) as Values;
  } catch (cause) {
    throw misfit(batch, microStep, cause);
  }
}

/** The error of a batch that the model cannot compute. */
export function misfit(batch: Pick<Batch, 'xs'>, microStep: number, cause: unknown): BatchError {
  const shapes = valuesOf(batch.xs).map(({ shape }) => `[${shape.join(', ')}]`);
  return new BatchError(
    `forward: micro-batch ${microStep} must fit the model, received inputs of shape ${shapes.join(', ')}: ${messageOf(cause)}`,
    microStep,
    { cause },
  );
}
