import { defer, map, type OperatorFunction } from 'rxjs';

import { assignArrays } from '../src/core/arrays.js';
import type { Batch } from '../src/core/batch.js';
import { ArgumentError } from '../src/core/errors.js';
import { countsIn, numbersIn } from '../src/core/heldData.js';
import type { LossFunction } from '../src/core/loss.js';
import { reducerNames, reducersOf, toMetric, type Metrics } from '../src/core/metric.js';
import { allVariablesOf, type Model } from '../src/core/model.js';
import { RUN, type InRun, type Run } from '../src/core/run.js';
import { takesPart } from '../src/core/runState.js';
import { savedNames } from '../src/core/savedNames.js';
import type { ForwardPass } from '../src/core/values.js';
import { weightsOf } from '../src/core/weights.js';

/** Options of {@link forward}. */
export interface ForwardOptions {
  /** What else is computed on each micro-batch, by name; see `metric` for how it is reduced. */
  readonly metrics?: Metrics;
  /** What random numbers in the model (dropout, noise) start from: the same seed, the same run. 0 unless given. */
  readonly seed?: number;
}

/**
 * Binds the model, the loss and the metrics to each batch.
 *
 * TensorFlow.js computes loss and gradients in one call, so this emits a recipe, and `backward` runs it.
 *
 * ```text
 * source:  --a--b--c--|
 *             forward(model, loss)
 * output:  --A--B--C--|        A = { batch: a, model, loss, … }
 * ```
 *
 * The weights as they are at subscription are those of global step 0.
 *
 * **Ownership**: takes each batch and hands it on.
 *
 * @example
 * ```ts
 * fromPull(batches).pipe(forward(model, softmaxCrossEntropy, { metrics: { accuracy } }), backward());
 * ```
 *
 * @param model - A `tf.LayersModel`, or any `{ variables, apply(xs, { training }) }`.
 * @param loss - From labels and predictions to one value per sample, or to a scalar.
 * @throws {@link ArgumentError} at once, if the loss is no function; {@link ModelError}, if the model has no trainable variable.
 * @see {@link backward}
 */
export function forward(
  model: Model,
  loss: LossFunction,
  { metrics = {}, seed = 0 }: ForwardOptions = {},
): OperatorFunction<Batch & InRun, ForwardPass> {
  if (typeof loss !== 'function')
    throw new ArgumentError(`forward: the loss must be a function, received ${typeof loss}`);
  if (!Number.isSafeInteger(seed)) throw new ArgumentError(`forward: seed must be a whole number, received ${seed}`);
  weightsOf(model); // a model that cannot be trained is found now, not at the first batch
  const bound = Object.fromEntries(Object.entries(metrics).map(([name, given]) => [name, toMetric(given)]));

  const reducers = reducersOf(bound);
  const options = { loss: loss.name, seed, metrics: reducerNames(bound) };

  return (source) =>
    defer(() => {
      const weights = weightsOf(model);
      let start = weights.updates;
      const globalStep = (): number => weights.updates - start;
      const variables = allVariablesOf(model);
      const names = savedNames(model);
      const rate = { scale: 1 };
      const own = { model, loss, metrics: bound, globalStep, rate };
      let [newest, extended]: [Run | undefined, Run] = [undefined, own];
      /** What the run of a batch becomes, which is mostly that of the batch before. */
      const extend = (run: Run | undefined): Run => {
        if (run !== newest) [newest, extended] = [run, { ...run, ...own }];
        return extended;
      };
      return source.pipe(
        takesPart(
          'model',
          () => ({
            data: { globalStep: globalStep(), rateScale: rate.scale, options },
            tensors: Object.fromEntries(variables.map((variable, i) => [names[i]!, variable])),
          }),
          ({ data, arrays = {} }) => {
            const { globalStep } = countsIn(data, ['globalStep'], 'model');
            ({ rateScale: rate.scale } = numbersIn(data, ['rateScale'], 'model'));
            assignArrays(model, arrays);
            start = weights.updates - globalStep;
          },
        ),
        map((batch) => ({
          batch,
          model,
          weights,
          loss,
          metrics: bound,
          reducers,
          seed,
          globalStep,
          [RUN]: extend(batch[RUN]),
        })),
      );
    });
}
