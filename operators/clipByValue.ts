import { defer, map, type MonoTypeOperatorFunction } from 'rxjs';

import { disposeTensors } from '../src/core/batch.js';
import { assertPositive } from '../src/core/errors.js';
import { noteChanges } from '../src/core/changes.js';
import { checkLive, describeLive, liveValue, type Live } from '../src/core/live.js';
import { records } from '../src/core/runState.js';
import { tensors } from '../src/core/tensors.js';
import type { GradientStep } from '../src/core/values.js';

/**
 * Limits every single gradient to ±`limit`.
 *
 * Cruder than a norm: it changes the direction of the step, and is what some older recipes ask for.
 *
 * ```text
 * source:  --a-----|        a: [3, -0.5]
 *             clipByValue(1)
 * output:  --A-----|        A: [1, -0.5]
 * ```
 *
 * **Cost**: 1 op on the device. **Ownership**: takes the gradients and hands on new ones.
 *
 * @example
 * ```ts
 * steps$.pipe(accumulate(4), clipByValue(0.5), optimizerStep(sgd({ learningRate: 0.1 })));
 * ```
 *
 * @param limit - Above 0: a number, a schedule of the global step, or an Observable.
 * @throws {@link ArgumentError} at once, if `limit` is not above 0; a schedule or an Observable errors with it.
 * @see {@link clipByGlobalNorm}
 */
export function clipByValue(limit: Live): MonoTypeOperatorFunction<GradientStep> {
  const label = 'clipByValue: limit';
  checkLive(limit, label, assertPositive);

  return (source) =>
    defer(() => {
      const most = liveValue(limit, 'clipByValue', label, assertPositive);
      return source.pipe(
        most.whileRunning(),
        records('clipByValue', { limit: describeLive(limit) }),
        map((step) => {
          try {
            const bound = most.at(step.globalStep + 1);
            const gradients = tensors().clipByValue(step.gradients, -bound, bound);
            step.gradients.dispose();
            return noteChanges({ ...step, gradients }, most.apply(bound));
          } catch (error) {
            disposeTensors(step);
            throw error;
          }
        }),
      );
    });
}
