import { concatMap, defer, type OperatorFunction } from 'rxjs';

import { ArgumentError } from '../src/core/errors.js';
import type { ChangeEvent, TrainingEvent } from '../src/core/events.js';
import { metricIn } from '../src/core/metricIn.js';
import type { Passed } from '../src/core/passed.js';
import { numbersIn, objectIn } from '../src/core/heldData.js';
import { noProgress, progressIn, progressOf, type ProgressOptions } from '../src/core/progress.js';
import { orDispose } from '../src/core/orDispose.js';
import { RUN } from '../src/core/run.js';
import { takesPart } from '../src/core/runState.js';
import type { Json } from '../src/core/snapshot.js';
import type { StepResult } from '../src/core/values.js';

/** Options of {@link reduceOnPlateau}. */
export interface ReduceOnPlateauOptions extends ProgressOptions {
  /** What the learning rate is multiplied by, above 0 and below 1; 0.1 unless given. */
  readonly factor?: number;
  /** Below which it does not go; 0 unless given. */
  readonly minRate?: number;
}

/**
 * Lowers the learning rate whenever a metric has not become better for `patience` values in a row.
 *
 * Smaller steps often find what larger ones step over, and nobody knows beforehand when.
 *
 * ```text
 * source:  --1--V--2--W--3--X--4--|        learning rate 1; validation losses: V = 0.5   W = 0.6   X = 0.7
 *             reduceOnPlateau('validation.loss', { patience: 2 })
 * output:  --1--V--2--W--3--(XC)--4--|     C = { type: 'change', what: 'learningRate', from: 1, to: 0.1, … }   4.learningRate = 0.1
 * ```
 *
 * The factor travels to the optimizer with the run, so that nothing has to be wired, and counts from the next step on: whatever the learning rate
 * is by itself (a number, a schedule, an Observable), it is multiplied. It is saved with the model, so that a run that goes on begins with it.
 * What counts as better, and names, are as in `stopEarly`; the waiting begins anew after each change. `from` is the rate of the last step.
 *
 * **Units**: `minRate` is a learning rate.
 * **Ownership**: touches no tensor; steps that have not been read pass through.
 *
 * @example
 * ```ts
 * train(model, batches, { loss: mse, optimizer: adam({ learningRate: 1e-3 }), epochs: 100 })
 *   .pipe(validateEvery(100, held), reduceOnPlateau('validation.loss', { factor: 0.5, patience: 3, minRate: 1e-5 }))
 *   .subscribe(console.log);
 * ```
 *
 * @param name - Which metric: 'loss', 'accuracy', 'validation.loss', 'ema.loss' …
 * @throws {@link ArgumentError} at once, if an option can never be valid. Errors with it, if the events hold nothing of that name, or come from no
 * run (`forward`).
 * @see {@link stopEarly}
 * @see PyTorch's `ReduceLROnPlateau` (absolute threshold); its patience of n is n + 1 here.
 */
export function reduceOnPlateau<T extends StepResult | TrainingEvent>(
  name: string,
  { factor = 0.1, minRate = 0, ...options }: ReduceOnPlateauOptions,
): OperatorFunction<T, Passed<T> | ChangeEvent> {
  const metric = metricIn(name, 'reduceOnPlateau');
  const next = progressIn(name, 'reduceOnPlateau', options);
  if (!(factor > 0 && factor < 1))
    throw new ArgumentError(`reduceOnPlateau: factor must be above 0 and below 1, received ${factor}`);
  if (!(minRate >= 0 && minRate < Infinity))
    throw new ArgumentError(`reduceOnPlateau: minRate must be a number of at least 0, received ${minRate}`);

  /** Lowers the rate of the value's run, and says so; neither if it is at its lowest. */
  const lowered = ({ globalStep, epoch, [RUN]: run }: T, from: number | null): ChangeEvent[] => {
    if (!run?.rate) throw new ArgumentError('reduceOnPlateau: the events must come from a run (train, forward)');
    if (from === null)
      throw new ArgumentError('reduceOnPlateau: the steps must come, too, received none before the first change');
    const to = Math.max(from * factor, minRate);
    if (!(to < from)) return [];
    run.rate.scale *= to / from;
    return [{ type: 'change', globalStep, epoch, what: 'learningRate', from, to, [RUN]: run }];
  };

  return (source) =>
    defer(() => {
      const stage = `reduceOnPlateau/${name}`;
      let progress = noProgress;
      let learningRate: number | null = null;
      return source.pipe(
        takesPart(
          stage,
          () => ({ data: { progress: { ...progress } as Json, learningRate } }),
          ({ data }) => {
            const saved = objectIn(data, `what ${stage} has saved`);
            progress = progressOf(saved['progress'], stage);
            learningRate =
              saved['learningRate'] === null ? null : numbersIn(saved, ['learningRate'], stage).learningRate;
          },
        ),
        metric.mustCome(),
        concatMap((value) => {
          if ('learningRate' in value) ({ learningRate } = value);
          const seen = orDispose(value, () => metric.of(value));
          if (seen === undefined) return [value];
          progress = next(progress, seen, value.globalStep);
          if (progress.waited < options.patience) return [value];
          progress = { ...progress, waited: 0 };
          return [value, ...lowered(value, learningRate)];
        }),
      );
    });
}
