import { defer, finalize, mergeMap, type Observable, type OperatorFunction } from 'rxjs';

import { behindEvery } from '../src/core/behindEvery.js';
import { StaleStepError } from '../src/core/errors.js';
import type { HistogramEvent, TrainingEvent } from '../src/core/events.js';
import { floatSlots, floatVariables } from '../src/core/floatVariables.js';
import { histogramEvents } from '../src/core/histogramEvents.js';
import type { ChangeOf, Live, Schedule } from '../src/core/live.js';
import type { Passed } from '../src/core/passed.js';
import { readHistograms } from '../src/core/readHistograms.js';
import { RUN } from '../src/core/run.js';
import type { StepResult } from '../src/core/values.js';
import { flatten } from '../src/core/weights.js';

/**
 * Adds histograms of the weights after every `every`-th step, one event for each variable.
 *
 * A layer that has died, or whose weights drift away, does not show in a loss.
 *
 * ```text
 * source:  --1--2-------3--4-------|
 *             weightHistograms(2)
 * output:  --1--2-(KB)--3--4-(KB)--|        K: weights/dense/kernel   B: weights/dense/bias
 * ```
 *
 * All variables of floats are looked at, trained or not, under the names that they have in checkpoints. Bins are plain data: 30 of equal width from the
 * smallest number to the largest; numbers that are not finite are counted apart. Training waits while the weights are read. Works on steps before and behind
 * `readback`, as long as the weights are still those of the step.
 *
 * **Cost**: one device read of all weights, and two passes over them; 12 ms for a million, measured in Node. **Memory**: two copies of the weights, one of them on the host.
 * **Ownership**: hands the steps on as they are.
 *
 * @example
 * ```ts
 * train(model, batches, { loss: mse, optimizer: adam() }).pipe(weightHistograms(100), logEvery(50)).subscribe(console.log);
 * ```
 *
 * @param every - Optimizer steps from one to the next: a positive integer, a schedule, or an Observable.
 * @throws {@link ArgumentError} at once, if `every` is no positive integer. Errors with it, if the steps come from no run.
 * Errors with {@link StaleStepError}, if the weights have moved on.
 * @see {@link gradientHistograms}
 */
export function weightHistograms<T extends StepResult | TrainingEvent, N extends Live = number | Schedule>(
  every: N,
): OperatorFunction<T, Passed<T> | HistogramEvent | ChangeOf<N>> {
  return behindEvery<T, HistogramEvent, N>('weightHistograms', every, histograms);
}

/** Copies the weights at once, so that what is read are those of the step whatever comes meanwhile. */
function histograms(step: StepResult | TrainingEvent): Observable<HistogramEvent> {
  return defer(() => {
    const now = step[RUN]?.globalStep?.() ?? step.globalStep;
    if (now !== step.globalStep) throw new StaleStepError('weightHistograms', step.globalStep, now);
    const vector = flatten(floatVariables(step, 'weightHistograms'));
    return readHistograms('weights', vector, floatSlots(step)).pipe(
      mergeMap((each) => histogramEvents(step, each)),
      finalize(() => vector.dispose()),
    );
  });
}
