import { defer, mergeMap, type OperatorFunction } from 'rxjs';

import { changeEvents } from '../src/core/changes.js';
import { assertPositiveInteger } from '../src/core/errors.js';
import type { TrainingEvent } from '../src/core/events.js';
import { checkLive, liveValue, type ChangeOf, type Live, type Schedule } from '../src/core/live.js';

/**
 * Lets through the steps whose `globalStep` is a multiple of `every`, and every event that is no step.
 *
 * A chart needs a point now and then; what the points say has been gathered from all steps before (`ema`).
 *
 * ```text
 * source:  --1--2--V--3--4--|        V: a validation
 *             logEvery(2)
 * output:  -----2--V-----4--|
 * ```
 *
 * @example
 * ```ts
 * events$.pipe(ema('loss'), logEvery(50)).subscribe(console.log);
 * ```
 *
 * @param every - Optimizer steps per event: a positive integer, a schedule of the global step, or an Observable.
 * @throws {@link ArgumentError} at once, if `every` is no positive integer; a schedule or an Observable errors with it.
 * @see {@link ema}
 */
export function logEvery<E extends TrainingEvent, N extends Live = number | Schedule>(
  every: N,
): OperatorFunction<E, E | ChangeOf<N>> {
  const label = 'logEvery: every';
  checkLive(every, label, assertPositiveInteger);

  return (source) =>
    defer(() => {
      const cadence = liveValue(every, 'logEvery', label, assertPositiveInteger);
      return source.pipe(
        cadence.whileRunning(),
        mergeMap((event): (E | ChangeOf<N>)[] => {
          if (event.type !== 'step') return [event];
          const steps = cadence.at(event.globalStep);
          const changes = changeEvents(event, cadence.apply(steps)) as ChangeOf<N>[];
          return event.globalStep % steps === 0 ? [...changes, event] : changes;
        }),
      );
    });
}
