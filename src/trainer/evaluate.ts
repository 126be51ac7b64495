import type { Observable } from 'rxjs';

import { ArgumentError } from '../core/errors.js';
import { evaluateBatches, type Evaluation, type EvaluationSource } from '../core/evaluateBatches.js';
import type { LossFunction } from '../core/loss.js';
import { toMetric, type Metrics } from '../core/metric.js';
import type { Model } from '../core/model.js';

/** Options of {@link evaluate}. */
export interface EvaluateOptions {
  readonly loss: LossFunction;
  readonly metrics?: Metrics;
}

/**
 * Computes loss and metrics over a whole set of batches, and emits them once.
 *
 * It is what says how good a model is on data it has not seen.
 *
 * ```text
 * batches asked:  a-b-c-|
 *                    evaluate(model, batches, { loss })
 * output:         -------(E|)        E = { loss, metrics, samples }
 * ```
 *
 * Every subscription goes through the data again. The model is in inference mode.
 *
 * **Cost**: forward passes and one device read. **Ownership**: takes and disposes the batches.
 *
 * @example
 * ```ts
 * const { metrics } = await lastValueFrom(evaluate(model, held, { loss: softmaxCrossEntropy, metrics: { accuracy } }));
 * ```
 *
 * @throws {@link ArgumentError} at once, if the loss is no function. Errors with {@link SourceError} on empty data, and with what model, loss and
 * metrics fail with.
 */
export function evaluate(
  model: Model,
  batches: EvaluationSource,
  { loss, metrics = {} }: EvaluateOptions,
): Observable<Evaluation> {
  if (typeof loss !== 'function')
    throw new ArgumentError(`evaluate: the loss must be a function, received ${typeof loss}`);
  const bound = Object.fromEntries(Object.entries(metrics).map(([name, given]) => [name, toMetric(given)]));
  return evaluateBatches(batches, { model, loss, metrics: bound });
}
