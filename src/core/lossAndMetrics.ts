import type * as tf from '@tensorflow/tfjs';

import { isNdArray, isTensor, type Batch } from './batch.js';
import { BatchError, LossError, messageOf, MetricError } from './errors.js';
import type { LossFunction } from './loss.js';
import type { Metric } from './metric.js';
import type { Values } from './predict.js';
import { reduceSamples } from './reduceSamples.js';

/** The loss of one batch as a scalar, checked. */
export function lossOf(
  loss: LossFunction,
  batch: Batch,
  labels: Values,
  predictions: Values,
  microStep: number,
): tf.Scalar {
  if (isTensor(predictions)) checkLabels(loss, batch, predictions.shape, microStep);
  let values: tf.Tensor;
  try {
    values = loss(labels, predictions);
  } catch (cause) {
    if (cause instanceof BatchError) throw cause;
    throw new LossError(`forward: the loss failed on micro-batch ${microStep}: ${messageOf(cause)}`, microStep, {
      cause,
    });
  }
  const reduced = reduceSamples(values, batch);
  if (typeof reduced !== 'string') return reduced;
  throw new LossError(`forward: the loss must be ${reduced} on micro-batch ${microStep}`, microStep);
}

/** The metrics of one batch as scalars, checked. */
export function metricsOf(
  metrics: Readonly<Record<string, Metric>>,
  batch: Batch,
  labels: Values,
  predictions: Values,
  microStep: number,
): Record<string, tf.Scalar> {
  const result: Record<string, tf.Scalar> = {};
  for (const [name, { compute }] of Object.entries(metrics)) {
    let values: tf.Tensor;
    try {
      values = compute(labels, predictions);
    } catch (cause) {
      throw new MetricError(
        `forward: the metric '${name}' failed on micro-batch ${microStep}: ${messageOf(cause)}`,
        name,
        microStep,
        { cause },
      );
    }
    const reduced = reduceSamples(values, batch);
    if (typeof reduced === 'string') {
      throw new MetricError(
        `forward: the metric '${name}' must be ${reduced} on micro-batch ${microStep}`,
        name,
        microStep,
      );
    }
    result[name] = reduced;
  }
  return result;
}

/** Throws if labels on the host are not what the loss takes, for predictions of a shape. */
export function checkLabels(
  loss: LossFunction,
  batch: Batch,
  predictionShape: readonly number[],
  microStep: number,
): void {
  if (!loss.checkLabels || !isNdArray(batch.ys)) return;
  const problem = loss.checkLabels(batch.ys, predictionShape);
  if (problem)
    throw new BatchError(
      `forward: micro-batch ${microStep} has labels that the loss cannot take: ${problem}`,
      microStep,
    );
}
