import type { Sink } from '../../operators/tee.js';
import type { TrainingEvent } from '../core/events.js';
import { RUN } from '../core/run.js';
import { comesBefore } from './comesBefore.js';

/** A sink that keeps the events of a run. */
export interface History extends Sink<TrainingEvent> {
  /** What has come so far, in order. */
  readonly events: readonly TrainingEvent[];
}

/**
 * Keeps the events of a run in memory.
 *
 * A notebook, a test or a plot wants the whole run at hand when it is over, and what there is of it when it failed.
 *
 * ```text
 * source:          --1--2--V--(E|)
 *                  tee(kept)
 * kept.events:     [1, 2, V, E]
 * ```
 *
 * Given to a further run, it goes on with a run that goes on from a checkpoint, and starts over with one that starts over: of what it has, it keeps what
 * comes before the first event of the run. **Memory**: all events, as plain data that
 * does not hold on to the run; put `logEvery` before it where that is too much.
 *
 * @example
 * ```ts
 * const kept = history();
 * train(model, batches, options).pipe(tee(kept)).subscribe({ complete: () => console.log(kept.events.length) });
 * ```
 */
export function history(): History {
  let events: TrainingEvent[] = [];
  let begun = false;
  const over = (): void => void (begun = false);
  return {
    get events() {
      return events;
    },
    next: (event) => {
      if (!begun) events = events.filter(comesBefore(event));
      begun = true;
      const { [RUN]: _, ...plain } = event;
      events.push(plain);
    },
    error: over,
    complete: over,
    unsubscribe: over,
  };
}
