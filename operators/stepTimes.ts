import { map, type MonoTypeOperatorFunction } from 'rxjs';

import type { TrainingEvent } from '../src/core/events.js';
import { RUN } from '../src/core/run.js';

/**
 * Adds `timesMs` to each step event: what the run's time has gone to since the step event before.
 *
 * A step is made faster where it is slow: a reader that training waits for is another matter than a model that is large, or a sink that is in the way.
 *
 * ```text
 * source:  --1--2--3--|
 *             stepTimes()
 * output:  --1--2--3--|        2.timesMs = { data: 1, forwardBackward: 12, update: 2, read: 1, sinks: 0.5 }
 * ```
 *
 * - `data`: waiting for batches, and what is done to them before `backward`; a batch that is fetched ahead while the run waits for a sink or a read counts as that
 * - `forwardBackward`: passes, accumulation and what stands before the optimizer, clipping and replicas too
 * - `update`: the optimizer
 * - `read`: the device is read; where it computes on its own (WebGPU), this is where it is waited for
 * - `validation`, `snapshot`: validations, and what checkpoints copy
 * - `sinks`: `tee`, as long as training waits for it; of those behind this operator what the step before cost
 *
 * What stands between two of them counts as the first. Pauses and turns that other work is given are left out. The first step has nothing before it and gets
 * none; nor do events of no run, such as recorded ones, which keep what they have. With `readback(n)` the first of n events has the time of all. Other
 * events pass through.
 *
 * **Units**: milliseconds. **Cost**: some ten readings of the clock a micro-batch; none in runs without it.
 *
 * @example
 * ```ts
 * train(model, batches, { loss: mse, optimizer: adam() }).pipe(stepTimes(), tee(dashboard()));
 * ```
 *
 * @param now - A clock in milliseconds that never goes back.
 */
export function stepTimes<E extends TrainingEvent>(
  now: () => number = () => performance.now(),
): MonoTypeOperatorFunction<E> {
  return map((event) => {
    if (event.type !== 'step') return event;
    const timesMs = event[RUN]?.times?.taken(now);
    return timesMs ? { ...event, timesMs } : event;
  });
}
