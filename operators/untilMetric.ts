import { defer, type OperatorFunction } from 'rxjs';

import { endWhen } from '../src/core/endWhen.js';
import { ArgumentError } from '../src/core/errors.js';
import type { EndEvent, TrainingEvent } from '../src/core/events.js';
import { metricIn } from '../src/core/metricIn.js';
import type { Passed } from '../src/core/passed.js';
import type { StepResult } from '../src/core/values.js';

/** What {@link untilMetric} waits for. */
export type Goal =
  { readonly atLeast: number; readonly atMost?: undefined } | { readonly atMost: number; readonly atLeast?: undefined };

/**
 * Ends the run as soon as a metric is good enough.
 *
 * A test, a search and a race all want to know when a goal is reached, not what comes later.
 *
 * ```text
 * source:  --1--V--2--W--3--|        validation accuracies: V = 0.8   W = 0.95
 *             untilMetric('validation.accuracy', { atLeast: 0.9 })
 * output:  --1--V--2--(WE|)          E = { type: 'end', reason: 'metric', metric: 'validation.accuracy', value: 0.95, … }
 * ```
 *
 * NaN is never good enough. Names are those of `stopEarly`, and so is what happens if none comes, behind a `readback(n > 1)`, and if the run
 * ends first.
 *
 * **Ownership**: touches no tensor; steps that have not been read pass through.
 *
 * @example
 * ```ts
 * train(model, batches, { loss: mse, optimizer: adam(), epochs: 100 }).pipe(ema('loss'), untilMetric('ema.loss', { atMost: 0.1 })).subscribe();
 * ```
 *
 * @param name - Which metric: 'loss', 'accuracy', 'validation.loss', 'ema.loss' …
 * @param goal - `{ atLeast }` or `{ atMost }`, in the metric's own unit.
 * @throws {@link ArgumentError} at once, if there is not one goal. Errors with it, if the events hold nothing of that name.
 * @see {@link stopEarly}
 */
export function untilMetric<T extends StepResult | TrainingEvent>(
  name: string,
  { atLeast, atMost }: Goal,
): OperatorFunction<T, Passed<T> | EndEvent> {
  const metric = metricIn(name, 'untilMetric');
  const goals = [atLeast, atMost].filter((goal) => goal !== undefined);
  if (goals.length !== 1 || !Number.isFinite(goals[0]))
    throw new ArgumentError(
      `untilMetric: the goal must be a number, { atLeast } or { atMost }, received ${JSON.stringify({ atLeast, atMost })}`,
    );
  const isReached = (value: number): boolean => (atLeast === undefined ? value <= atMost : value >= atLeast);

  return (source) =>
    defer(() =>
      source.pipe(
        metric.mustCome(),
        endWhen((event) => {
          const value = metric.of(event);
          return value !== undefined && isReached(value) ? { reason: 'metric', metric: name, value } : undefined;
        }),
      ),
    );
}
