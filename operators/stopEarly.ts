import { defer, type OperatorFunction } from 'rxjs';

import { endWhen } from '../src/core/endWhen.js';
import type { EndEvent, TrainingEvent } from '../src/core/events.js';
import { metricIn } from '../src/core/metricIn.js';
import type { Passed } from '../src/core/passed.js';
import { noProgress, progressIn, progressOf, type ProgressOptions } from '../src/core/progress.js';
import { takesPart } from '../src/core/runState.js';
import type { Json } from '../src/core/snapshot.js';
import type { StepResult } from '../src/core/values.js';

/** Options of {@link stopEarly}. */
export type StopEarlyOptions = ProgressOptions;

/**
 * Ends the run when a metric has not become better for `patience` values in a row.
 *
 * What a model gains after that on its own data, it loses on others.
 *
 * ```text
 * source:  --1--V--2--W--3--X--4--|        validation losses: V = 0.5   W = 0.6   X = 0.7
 *             stopEarly('validation.loss', { patience: 2 })
 * output:  --1--V--2--W--3--(XE|)          E = { type: 'end', reason: 'earlyStop', metric: 'validation.loss', best: 0.5, bestStep: 1, … }
 * ```
 *
 * A value is better if it is by more than `minDelta` below the best so far (above it, with mode 'max'); NaN and Infinity never are. Values are
 * counted, not steps: one for each event that has the metric. Names are those of `ema`, and 'ema.<name>' for what it has added. Other events
 * pass through; if the run ends first, its own end event does. Behind a `readback(n > 1)` the steps that were read along still pass. A run
 * that has been seen from its first step and goes to its end without a single value is an error; one that is cut short is not.
 *
 * **Ownership**: touches no tensor; steps that have not been read pass through.
 *
 * @example
 * ```ts
 * train(model, batches, { loss: mse, optimizer: adam(), epochs: 100 })
 *   .pipe(validateEvery(100, held), stopEarly('validation.loss', { patience: 5, minDelta: 1e-3 }))
 *   .subscribe(console.log);
 * ```
 *
 * @param name - Which metric: 'loss', 'accuracy', 'validation.loss', 'ema.loss' …
 * @throws {@link ArgumentError} at once, if an option can never be valid. Errors with it, if the events hold nothing of that name.
 * @see {@link untilMetric} for a goal; {@link reduceOnPlateau} for another way on.
 * @see Prechelt 1998, "Early Stopping, But When?".
 */
export function stopEarly<T extends StepResult | TrainingEvent>(
  name: string,
  options: StopEarlyOptions,
): OperatorFunction<T, Passed<T> | EndEvent> {
  const metric = metricIn(name, 'stopEarly');
  const next = progressIn(name, 'stopEarly', options);

  return (source) =>
    defer(() => {
      let progress = noProgress;
      return source.pipe(
        takesPart(
          `stopEarly/${name}`,
          () => ({ data: { ...progress } as Json }),
          ({ data }) => (progress = progressOf(data, `stopEarly/${name}`)),
        ),
        metric.mustCome(),
        endWhen((value) => {
          const seen = metric.of(value);
          if (seen === undefined) return undefined;
          progress = next(progress, seen, value.globalStep);
          const { best, bestStep, waited } = progress;
          if (waited < options.patience) return undefined;
          return { reason: 'earlyStop', metric: name, best: best ?? NaN, bestStep };
        }),
      );
    });
}
