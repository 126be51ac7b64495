import type * as tf from '@tensorflow/tfjs';

import { ArgumentError } from './errors.js';
import { weightedMean } from './weightedMean.js';

/** How the values of a metric become one: `values[i]` weighs `weights[i]`. */
export type Reducer = (values: readonly number[], weights: readonly number[]) => number;

/** Computes a metric of one micro-batch: one value per sample, or a scalar. */
// eslint-disable-next-line @typescript-eslint/no-explicit-any -- a metric may be written for one tensor or for several
export type MetricFunction = (labels: any, predictions: any) => tf.Tensor;

/** A metric and how its values are reduced over a window, over replicas and over a validation. */
export interface Metric {
  readonly compute: MetricFunction;
  readonly reduce: Reducer;
}

/** Metrics by name; a bare function is a mean by weight. */
export type Metrics = Readonly<Record<string, MetricFunction | Metric>>;

/** The mean by weight: what most metrics want, and the default. */
export const mean: Reducer = weightedMean;
/** The sum: for counts. */
export const sum: Reducer = (values) => values.reduce((a, b) => a + b, 0);
/** The largest value. NaN stays NaN. */
export const max: Reducer = (values) => values.reduce((a, b) => Math.max(a, b), -Infinity);
/** The last value: for what only the newest says, such as a temperature. */
export const last: Reducer = (values) => values.at(-1) ?? NaN;

/**
 * Declares how a metric is reduced, together with the metric.
 *
 * A trainer that does not know cannot average; one that is told need not throw k − 1 of k values away.
 *
 * @example
 * ```ts
 * forward(model, softmaxCrossEntropy, { metrics: { accuracy, correct: metric(countCorrect, sum) } });
 * ```
 *
 * @throws {@link ArgumentError} if either argument is no function.
 */
export function metric(compute: MetricFunction, reduce: Reducer = mean): Metric {
  if (typeof compute !== 'function')
    throw new ArgumentError(`metric: compute must be a function, received ${typeof compute}`);
  if (typeof reduce !== 'function')
    throw new ArgumentError(`metric: reduce must be a function, received ${typeof reduce}`);
  return { compute, reduce };
}

/** Only how each metric is reduced. */
export function reducersOf(metrics: Readonly<Record<string, Metric>>): Record<string, Reducer> {
  return Object.fromEntries(Object.entries(metrics).map(([name, { reduce }]) => [name, reduce]));
}

/** How each metric is reduced, by the name of its reducer. */
export function reducerNames(metrics: Readonly<Record<string, Metric>>): Record<string, string> {
  const named = Object.entries(metrics).map(([name, { reduce }]) => [name, reduce === mean ? 'mean' : reduce.name]);
  return Object.fromEntries(named) as Record<string, string>;
}

/** A metric in its full form. */
export function toMetric(given: MetricFunction | Metric): Metric {
  return typeof given === 'function' ? { compute: given, reduce: mean } : given;
}
