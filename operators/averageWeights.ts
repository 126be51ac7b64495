import type * as tf from '@tensorflow/tfjs';
import { concatWith, defer, EMPTY, finalize, map, type MonoTypeOperatorFunction } from 'rxjs';

import { ArgumentError, assertPositiveInteger, StaleStepError } from '../src/core/errors.js';
import type { TrainingEvent } from '../src/core/events.js';
import { floatSlots, floatVariables } from '../src/core/floatVariables.js';
import { countsIn } from '../src/core/heldData.js';
import { checkLive, liveValue, type Live } from '../src/core/live.js';
import { joinVectors, nameVectors } from '../src/core/namedVectors.js';
import { orDispose } from '../src/core/orDispose.js';
import { RUN } from '../src/core/run.js';
import { takesPart } from '../src/core/runState.js';
import { tensors } from '../src/core/tensors.js';
import type { StepResult } from '../src/core/values.js';
import { flatten, unflatten, type WeightSlot } from '../src/core/weights.js';
import { withWeights } from '../src/core/withWeights.js';

/** How {@link averageWeights} averages, and whether the model has the average in the end. */
export type AverageWeightsOptions = {
  /** Whether the model's weights are the averaged ones when the run is over, however it ends; true unless given. */
  readonly adopt?: boolean;
} & (
  | {
      /** What the average so far counts against the new weights, at least 0 and below 1: a number, a schedule, or an Observable. */
      readonly decay: Live;
      readonly from?: undefined;
      readonly every?: undefined;
    }
  | {
      /** The first global step whose weights count; a positive integer. */
      readonly from: number;
      /** Steps from one to the next that counts; 1 unless given. */
      readonly every?: number;
      readonly decay?: undefined;
    }
);

/**
 * Keeps an average of the weights beside those that are trained.
 *
 * An average lies nearer the middle of what training wanders about in, and does better on new data, without a smaller learning rate.
 *
 * ```text
 * source:  --1-----2-----3--|        weights after the steps: 1 = 4   2 = 8   3 = 8
 *             averageWeights({ decay: 0.5 })
 * output:  --1-----2-----3--|        averages: 4   6   7
 * ```
 *
 * With `decay` the average is an exponential one, seeded by the first step's weights: `average = decay·average + (1 − decay)·weights`. A schedule
 * warms it up: `(step) => Math.min(0.999, (1 + step) / (10 + step))`. With `from` it is the mean of the weights after steps `from`, `from + every`, …
 * (stochastic weight averaging); until then there is none. All variables of floats are averaged, the statistics of a batch normalization among them.
 *
 * What follows it validates with the average: `validateEvery` before this stage takes the weights that are trained, behind it the averaged ones, and
 * says so (`weights: 'averaged'`). They are put into the model for each pass and taken out again, bit for bit. Works on steps before and behind
 * `readback`, as long as the weights are still those of the step.
 *
 * **Cost**: 4 ops a step and one for each variable, no read. A compiled step has to copy its weights out of the graph for it.
 * **Memory**: one set of weights; two more while a step is averaged.
 * **Ownership**: owns the average; hands steps on as they are.
 *
 * @example
 * ```ts
 * train(model, batches, { loss: mse, optimizer: adam(), epochs: 10 })
 *   .pipe(averageWeights({ decay: 0.999 }), validateEvery(100, held), stopEarly('validation.loss', { patience: 5 }))
 *   .subscribe(console.log);
 * ```
 *
 * @throws {@link ArgumentError} at once, if an option can never be valid; a schedule or an Observable errors with it, and events that come from no run.
 * Errors with {@link StaleStepError}, if the weights have moved on.
 * @see Polyak and Juditsky 1992; Izmailov et al. 2018, arXiv:1803.05407. PyTorch's `AveragedModel` with `use_buffers`.
 */
export function averageWeights<T extends StepResult | TrainingEvent>(
  options: AverageWeightsOptions,
): MonoTypeOperatorFunction<T> {
  const { adopt = true, decay, from, every = 1 } = options;
  if ((decay === undefined) === (from === undefined))
    throw new ArgumentError(
      'averageWeights: either decay or from must be given, received ' + (from ? 'both' : 'neither'),
    );
  const label = 'averageWeights: decay';
  if (decay !== undefined) checkLive(decay, label, assertDecay);
  if (from !== undefined) assertPositiveInteger(from, 'averageWeights: from');
  assertPositiveInteger(every, 'averageWeights: every');

  return (source) =>
    defer(() => {
      const kept = liveValue(decay ?? 0, 'averageWeights', label, assertDecay);
      let average: tf.Tensor1D | undefined;
      let merged = 0;
      let variables: readonly tf.Variable[] = [];
      let slots = (): readonly WeightSlot[] => [];

      /** What share the weights after a step have in the average; 0 if they do not count. */
      const shareAt = (globalStep: number): number => {
        const weight = 1 - kept.at(globalStep);
        if (from === undefined) return merged === 0 ? 1 : weight;
        return globalStep >= from && (globalStep - from) % every === 0 ? 1 / (merged + 1) : 0;
      };
      const include = (share: number): void => {
        if (share === 0) return;
        const { add, mul, sub, tidy } = tensors();
        const before = average;
        average = tidy(() => {
          const now = flatten(variables);
          return before ? add<tf.Tensor1D>(before, mul(sub(now, before), share)) : now;
        });
        before?.dispose();
        merged += 1;
      };
      const averaged = (): tf.Tensor[] | undefined => average && unflatten(average, variables);
      const finish = (): void => {
        const values = adopt ? averaged() : undefined;
        values?.forEach((value, i) => !variables[i]!.isDisposed && variables[i]!.assign(value));
        tensors().dispose([values ?? [], average ?? []].flat());
        average = undefined;
      };
      return source.pipe(
        kept.whileRunning(),
        takesPart(
          'averageWeights',
          () => ({ data: { merged }, tensors: average ? nameVectors({ average }, slots()) : {} }),
          ({ data, arrays = {} }, first) => {
            ({ merged } = countsIn(data, ['merged'], 'averageWeights'));
            const own = floatSlots(first);
            const size = own.reduce((sum, slot) => sum + slot.size, 0);
            const like = { average: { shape: [size] as [number], dtype: 'float32' as const, size, rank: 1 } };
            if (merged > 0) ({ average } = joinVectors(arrays, like, own, 'averageWeights') as Average);
          },
        ),
        map((step) => {
          if ('type' in step && step.type !== 'step') return step;
          const { globalStep, [RUN]: run } = step;
          orDispose(step, () => {
            const now = run?.globalStep?.() ?? globalStep;
            if (now !== globalStep) throw new StaleStepError('averageWeights', globalStep, now);
            variables = floatVariables(step, 'averageWeights');
            slots = () => floatSlots(step);
            include(shareAt(globalStep));
          });
          if (!run?.model) return step;
          return { ...step, [RUN]: { ...run, averaged: withWeights(run.model, variables, averaged) } };
        }),
        concatWith(defer(() => (finish(), EMPTY))),
        finalize(finish),
      );
    });
}

type Average = { readonly average: tf.Tensor1D };

function assertDecay(value: number, label: string): void {
  if (!(value >= 0 && value < 1)) throw new ArgumentError(`${label} must be at least 0 and below 1, received ${value}`);
}
