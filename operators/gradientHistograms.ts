import { defer, finalize, map, of, tap, type MonoTypeOperatorFunction } from 'rxjs';

import { disposeTensors } from '../src/core/batch.js';
import { noteChanges } from '../src/core/changes.js';
import { assertPositiveInteger } from '../src/core/errors.js';
import { checkLive, liveValue, type Live } from '../src/core/live.js';
import { readHistograms } from '../src/core/readHistograms.js';
import { waitMap } from '../src/core/run.js';
import type { GradientStep } from '../src/core/values.js';

/**
 * Looks at every `every`-th step's gradients, and notes how those of each variable are spread.
 *
 * Gradients that vanish, explode or are NaN in one layer are seen there long before the loss says so.
 *
 * ```text
 * source:  --x-----y-----|
 *             gradientHistograms(2)
 * output:  --x-----Y-----|        Y = { ...y, histograms: [one for each variable] }
 * ```
 *
 * Stands where the gradients are: behind `accumulate`, before or behind a clip. What it notes goes on with the step, past `optimizerStep` and `readback`,
 * until `changes` makes a {@link HistogramEvent} of each behind the step's event; `train` ends with that. A compiled step keeps its gradients in the graph;
 * `train` and `trainStep` take this as their `reduce`, which takes the window's mean out and back at each step. Training waits while they are read. Numbers that
 * are not finite are counted apart.
 *
 * **Cost**: one device read of all gradients, and two passes over them, per `every` steps; 12 ms for a million, measured in Node. As `reduce` of a compiled step, besides, two copies of
 * the gradients at every step. **Memory**: a copy of the gradients on the host.
 * **Ownership**: hands the steps on as they are.
 *
 * @example
 * ```ts
 * train(model, batches, { loss: mse, optimizer: adam(), reduce: gradientHistograms(100) })
 *   .pipe(weightHistograms(100))
 *   .subscribe(console.log);
 * ```
 *
 * @param every - Optimizer steps from one to the next: a positive integer, a schedule, or an Observable.
 * @throws {@link ArgumentError} at once, if `every` is no positive integer; a schedule or an Observable errors with it.
 * @see {@link weightHistograms}
 */
export function gradientHistograms(every: Live): MonoTypeOperatorFunction<GradientStep> {
  const label = 'gradientHistograms: every';
  checkLive(every, label, assertPositiveInteger);

  return (source) =>
    defer(() => {
      const cadence = liveValue(every, 'gradientHistograms', label, assertPositiveInteger);
      return source.pipe(
        cadence.whileRunning(),
        waitMap((step) => {
          let isOurs = true;
          return defer(() => {
            const next = step.globalStep + 1; // the step that they are about to make
            const steps = cadence.at(next);
            const told = noteChanges(step, cadence.apply(steps));
            if (next % steps !== 0) return of(told);
            const histograms$ = readHistograms('gradients', step.gradients, step.weights.slots);
            return histograms$.pipe(map((histograms): GradientStep => ({ ...told, histograms })));
          }).pipe(
            tap(() => (isOurs = false)),
            finalize(() => isOurs && disposeTensors(step)),
          );
        }),
      );
    });
}
