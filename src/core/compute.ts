import type * as tf from '@tensorflow/tfjs';

import { isNdArray, isTensor, valuesOf, weightOf, type Batch, type BatchValues } from './batch.js';
import { checkBatch } from './checkBatch.js';
import { BatchError, LossError, messageOf, MetricError, ModelError } from './errors.js';
import type { LossFunction } from './loss.js';
import type { Metric } from './metric.js';
import type { Model } from './model.js';
import { reduceSamples } from './reduceSamples.js';
import { tensors } from './tensors.js';
import { flatten, type Weights } from './weights.js';
import type { MicroBatchResult } from './values.js';

/** What is to be computed on a batch. */
export interface Computation {
  readonly batch: Batch;
  readonly model: Model;
  readonly loss: LossFunction;
  readonly metrics: Readonly<Record<string, Metric>>;
}

type Values = tf.Tensor | tf.Tensor[] | tf.NamedTensorMap;

/**
 * Loss and metrics of one batch, without gradients. The batch stays the caller's; the scalars become the caller's.
 *
 * @param microStep - Which pass it is, for messages.
 */
export function computeForward(computation: Computation, microStep: number): MicroBatchResult {
  const { tidy } = tensors();
  const { batch, model, loss, metrics } = computation;
  checkBatch(batch, microStep);
  const result = tidy(() => {
    const labels = upload(batch.ys);
    const predictions = predict(model, batch, false, microStep);
    return {
      loss: lossOf(loss, batch, labels, predictions, microStep),
      metrics: metricsOf(metrics, batch, labels, predictions, microStep),
    };
  });
  return { ...result, weight: weightOf(batch) };
}

/** Loss, metrics and gradients of one batch, as {@link computeForward}; the gradients are one vector in the order of the weights. */
export function computeBackward(
  computation: Computation,
  weights: Weights,
  microStep: number,
): MicroBatchResult & { readonly gradients: tf.Tensor1D } {
  const { dispose, keep, tidy, variableGrads } = tensors();
  const { batch, model, loss, metrics } = computation;
  checkBatch(batch, microStep);
  const kept: tf.Tensor[] = [];
  try {
    const result = tidy(() => {
      const labels = upload(batch.ys);
      let predictions: Values = [];
      const forward = (): tf.Scalar => {
        predictions = predict(model, batch, true, microStep);
        // Metrics are computed after the gradients, off the tape; until then the predictions must outlive the pass's own scope.
        for (const value of listOf(predictions)) kept.push(keep(value));
        return lossOf(loss, batch, labels, predictions, microStep);
      };
      const { value, grads } = variableGrads(forward, [...weights.variables]);
      return {
        loss: value,
        gradients: flatten(gradientsOf(grads, weights)),
        metrics: metricsOf(metrics, batch, labels, predictions, microStep),
      };
    });
    return { ...result, weight: weightOf(batch) };
  } catch (error) {
    throw unconnected(error, weights);
  } finally {
    dispose(kept);
  }
}

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
    const shapes = valuesOf(batch.xs).map(({ shape }) => `[${shape.join(', ')}]`);
    throw new BatchError(
      `forward: micro-batch ${microStep} must fit the model, received inputs of shape ${shapes.join(', ')}: ${messageOf(cause)}`,
      microStep,
      { cause },
    );
  }
}

function lossOf(loss: LossFunction, batch: Batch, labels: Values, predictions: Values, microStep: number): tf.Scalar {
  checkLabels(loss, batch, predictions, microStep);
  let values: tf.Tensor;
  try {
    values = loss(labels, predictions);
  } catch (cause) {
    throw new LossError(`forward: the loss failed on micro-batch ${microStep}: ${messageOf(cause)}`, microStep, {
      cause,
    });
  }
  const reduced = reduceSamples(values, batch);
  if (typeof reduced !== 'string') return reduced;
  throw new LossError(`forward: the loss must be ${reduced} on micro-batch ${microStep}`, microStep);
}

function metricsOf(
  metrics: Computation['metrics'],
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

function checkLabels(loss: LossFunction, batch: Batch, predictions: Values, microStep: number): void {
  if (!loss.checkLabels || !isNdArray(batch.ys) || !isTensor(predictions)) return;
  const problem = loss.checkLabels(batch.ys, predictions.shape);
  if (problem)
    throw new BatchError(
      `forward: micro-batch ${microStep} has labels that the loss cannot take: ${problem}`,
      microStep,
    );
}

function listOf(values: Values): tf.Tensor[] {
  return isTensor(values) ? [values] : Object.values(values);
}

function gradientsOf(grads: tf.NamedTensorMap, { variables }: Weights): tf.Tensor[] {
  const missing = variables.filter(({ name }) => !grads[name]).map(({ name }) => name);
  if (missing.length > 0) throw withoutGradient(missing);
  return variables.map(({ name }) => grads[name]!);
}

/** TensorFlow.js has a message of its own for a loss that depends on no variable at all. */
function unconnected(error: unknown, { variables }: Weights): unknown {
  return messageOf(error).startsWith('Cannot find a connection')
    ? withoutGradient(variables.map(({ name }) => name))
    : error;
}

function withoutGradient(names: string[]): ModelError {
  return new ModelError(
    `backward: the loss must depend on every trainable variable, it does not on ${names.join(', ')}; freeze what is not used (trainable = false)`,
    names,
  );
}
