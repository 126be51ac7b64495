import { asyncScheduler, defer, type OperatorFunction, type SchedulerLike } from 'rxjs';

import { durationMs, type Duration } from '../src/core/duration.js';
import { endWhen } from '../src/core/endWhen.js';
import type { EndEvent, TrainingEvent } from '../src/core/events.js';
import type { Passed } from '../src/core/passed.js';
import { numbersIn } from '../src/core/heldData.js';
import { takesPart } from '../src/core/runState.js';
import type { StepResult } from '../src/core/values.js';

/**
 * Ends the run after the first step that is through when it has gone on for `duration`.
 *
 * A queue gives a job so many hours, and a run that ends by itself is one that has saved what it has learnt.
 *
 * ```text
 * source:  --1--2--3--4--|        3 ms apart
 *             maxDuration('7ms')
 * output:  --1--2--(3E|)          E = { type: 'end', reason: 'duration', … }
 * ```
 *
 * The time counts from subscription; a run that goes on from a checkpoint goes on counting from what had passed then. Only steps end the run: to
 * end one whose data may stall, give `train` a timer as `until`. Behind a `readback(n > 1)` the steps that were read along still pass.
 *
 * **Units**: milliseconds, or a number with a unit: ms, s, m, h, d.
 * **Ownership**: touches no tensor; steps that have not been read pass through.
 *
 * @example
 * ```ts
 * train(model, batches, { loss: mse, optimizer: adam(), epochs: Infinity }).pipe(maxDuration('2h')).subscribe();
 * ```
 *
 * @param duration - Above 0.
 * @param scheduler - Whose clock counts.
 * @throws {@link ArgumentError} at once, if `duration` is none.
 */
export function maxDuration<T extends StepResult | TrainingEvent>(
  duration: Duration,
  scheduler: SchedulerLike = asyncScheduler,
): OperatorFunction<T, Passed<T> | EndEvent> {
  const limitMs = durationMs(duration, 'maxDuration: duration');

  return (source) =>
    defer(() => {
      let start = scheduler.now();
      const elapsedMs = (): number => scheduler.now() - start;
      return source.pipe(
        takesPart(
          'maxDuration',
          () => ({ data: { elapsedMs: elapsedMs() } }),
          ({ data }) => (start -= numbersIn(data, ['elapsedMs'], 'maxDuration').elapsedMs),
        ),
        endWhen((value) => {
          const isStep = !('type' in value) || value.type === 'step';
          return isStep && elapsedMs() >= limitMs ? { reason: 'duration' } : undefined;
        }),
      );
    });
}
