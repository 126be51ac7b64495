import { concatWith, defer, EMPTY, of, takeWhile, tap, type OperatorFunction } from 'rxjs';

import type { EndReason } from './endReason.js';
import type { EndEvent, TrainingEvent } from './events.js';
import { orDispose } from './orDispose.js';
import { RUN } from './run.js';
import type { StepResult } from './values.js';

/**
 * Ends the run after the first value for which there is a reason, with an end event that says it: how every operator ends a run.
 *
 * The source completes when all is done with what is under way, so that checkpoints which are due are still taken; what comes until then goes on,
 * and counts in the end event. A value whose source cannot be told is the last one, and the source is unsubscribed. If the run ends by itself
 * first, its own end event passes.
 *
 * @param reasonFor - Called with each value, until it gives a reason.
 */
export function endWhen<T extends StepResult | TrainingEvent>(
  reasonFor: (value: T) => EndReason | undefined,
): OperatorFunction<T, T | EndEvent> {
  return (source) =>
    defer(() => {
      let reason: EndReason | undefined;
      let at = { globalStep: 0, epoch: 1 };
      let saidSo = false;
      return source.pipe(
        tap((value) => {
          at = { globalStep: value.globalStep, epoch: value.epoch };
          saidSo ||= isEnd(value);
        }),
        takeWhile((value) => {
          if (reason || isEnd(value)) return true;
          reason = orDispose(value, () => reasonFor(value));
          const end = value[RUN]?.end;
          if (reason) end?.(reason);
          return !reason || end !== undefined;
        }, true),
        concatWith(defer(() => (reason && !saidSo ? of<EndEvent>({ type: 'end', ...at, ...reason }) : EMPTY))),
      );
    });
}

function isEnd(value: StepResult | TrainingEvent): boolean {
  return 'type' in value && value.type === 'end';
}
