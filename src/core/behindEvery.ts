import { concat, defer, from, of, type Observable, type OperatorFunction } from 'rxjs';

import { changeEvents } from './changes.js';
import { assertPositiveInteger } from './errors.js';
import type { TrainingEvent } from './events.js';
import { checkLive, liveValue, type ChangeOf, type Live, type Schedule } from './live.js';
import type { Passed } from './passed.js';
import { waitMap } from './run.js';
import type { StepResult } from './values.js';

/**
 * Adds behind every `every`-th step what `work` gives for it, while training waits; all other values pass.
 *
 * @param name - Of the operator, for messages and changes.
 * @throws {@link ArgumentError} at once, if `every` is no positive integer.
 */
export function behindEvery<T extends StepResult | TrainingEvent, E, N extends Live = number | Schedule>(
  name: string,
  every: N,
  work: (step: StepResult | TrainingEvent) => Observable<E>,
): OperatorFunction<T, Passed<T> | E | ChangeOf<N>> {
  const label = `${name}: every`;
  checkLive(every, label, assertPositiveInteger);

  return (source) =>
    defer(() => {
      const cadence = liveValue(every, name, label, assertPositiveInteger);
      return source.pipe(
        cadence.whileRunning(),
        waitMap((step): Observable<Passed<T> | E | ChangeOf<N>> => {
          if ('type' in step && step.type !== 'step') return of(step);
          const steps = cadence.at(step.globalStep);
          const told = [...(changeEvents(step, cadence.apply(steps)) as ChangeOf<N>[]), step];
          return step.globalStep % steps === 0 ? concat(from(told), work(step)) : from(told);
        }),
      );
    });
}
