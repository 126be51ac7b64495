import { concatMap, type OperatorFunction } from 'rxjs';

import type { ChangeEvent, TrainingEvent } from '../src/core/events.js';
import { RUN } from '../src/core/run.js';

/**
 * Adds an event for each thing that the run has changed by itself, before the step from which on it counts.
 *
 * What changes unasked must not change unseen.
 *
 * ```text
 * source:  --1--2-----3--|
 *             withChanges()
 * output:  --1--(C2)--3--|        C = { type: 'change', globalStep: 2, what: 'microBatchSize', from: 32, to: 16, … }
 * ```
 *
 * Place it behind `readback`; `train` has it. Each change is told once, so once in a pipe.
 *
 * **Ownership**: touches no tensor.
 *
 * @example
 * ```ts
 * fromPull(batches).pipe(trainStep(model, { loss: mse, optimizer: adam(), retryWithSmallerBatches: true }), readback(), withChanges());
 * ```
 *
 * @see {@link retryWithSmallerBatches}
 */
export function withChanges<E extends TrainingEvent>(): OperatorFunction<E, E | ChangeEvent> {
  return concatMap((event: E): readonly (E | ChangeEvent)[] => {
    const run = event[RUN];
    if (event.type !== 'step' || !run?.changes) return [event];
    const told = run.changes(event.globalStep);
    return [...told.map((change): ChangeEvent => ({ type: 'change', ...change, [RUN]: run })), event];
  });
}
