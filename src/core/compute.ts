import type * as tf from '@tensorflow/tfjs';

import { disposeTensors, isTensor, weightOf, type Batch } from './batch.js';
import { checkBatch } from './checkBatch.js';
import { messageOf, ModelError } from './errors.js';
import type { LossFunction } from './loss.js';
import { lossOf, metricsOf } from './lossAndMetrics.js';
import type { Metric } from './metric.js';
import type { Model } from './model.js';
import { predict, upload, type Values } from './predict.js';
import { tensors } from './tensors.js';
import type { MicroBatchResult } from './values.js';
import { flatten, type Weights } from './weights.js';

/** What is to be computed on a batch. */
export interface Computation {
  readonly batch: Batch;
  readonly model: Model;
  readonly loss: LossFunction;
  readonly metrics: Readonly<Record<string, Metric>>;
}

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
  const { tidy } = tensors();
  const result = tidy(() => {
    const { gradients, weight: _, ...scalars } = computeGradients(computation, weights, microStep);
    return { ...scalars, gradients: flatten(gradients) };
  });
  return { ...result, weight: weightOf(computation.batch) };
}

/** The same with one gradient for each variable, in order. All tensors become the caller's. */
export function computeGradients(
  computation: Computation,
  weights: Weights,
  microStep: number,
): MicroBatchResult & { readonly gradients: tf.Tensor[] } {
  const { keep, scalar, tidy, variableGrads } = tensors();
  const { batch, model, loss, metrics } = computation;
  checkBatch(batch, microStep);
  const hasMetrics = Object.keys(metrics).length > 0;
  const kept: tf.Tensor[] = [];
  let failure: { error: unknown } | undefined;
  try {
    const result = tidy(() => {
      const labels = upload(batch.ys);
      let predictions: Values = [];
      const forward = (): tf.Scalar => {
        try {
          predictions = predict(model, batch, true, microStep);
          // Metrics are computed after the gradients, off the tape; until then the predictions must outlive the pass's own scope.
          if (hasMetrics) for (const value of listOf(predictions)) kept.push(keep(value));
          return lossOf(loss, batch, labels, predictions, microStep);
        } catch (error) {
          // TensorFlow.js leaks what it saved for the gradients when the function throws, so it is told of a loss without any.
          failure = { error };
          return scalar(0);
        }
      };
      const { value, grads } = variableGrads(forward, [...weights.variables]);
      return {
        loss: value,
        gradients: gradientsOf(grads, weights),
        metrics: metricsOf(metrics, batch, labels, predictions, microStep),
      };
    });
    return { ...result, weight: weightOf(batch) };
  } catch (error) {
    throw failure ? (failure as { error: unknown }).error : unconnected(error, weights);
  } finally {
    disposeTensors(kept);
  }
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
