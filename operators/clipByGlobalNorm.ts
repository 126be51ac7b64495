import type * as tf from '@tensorflow/tfjs';
import { defer, map, type MonoTypeOperatorFunction } from 'rxjs';

import { disposeTensors } from '../src/core/batch.js';
import { assertPositive } from '../src/core/errors.js';
import { noteChanges } from '../src/core/changes.js';
import { checkLive, describeLive, liveValue, type Live } from '../src/core/live.js';
import { records } from '../src/core/runState.js';
import { tensors } from '../src/core/tensors.js';
import type { GradientStep } from '../src/core/values.js';

/**
 * Scales all gradients together so that their global norm is at most `maxNorm`.
 *
 * One bad batch then cannot throw the weights far off, and the direction of the step is kept.
 *
 * ```text
 * source:  --a-----b-----|        a: norm 10    b: norm 0.5
 *             clipByGlobalNorm(1)
 * output:  --A-----b-----|        A = a / 10    b unchanged
 * ```
 *
 * The norm before clipping goes on as `gradientNorm`. NaN stays NaN. Place it after `accumulate` (and `allReduce`): once per optimizer step.
 *
 * **Cost**: 6 ops on the device, no read. **Memory**: one more set of gradients while it computes.
 * **Ownership**: takes the gradients and hands on new ones.
 *
 * @example
 * ```ts
 * steps$.pipe(accumulate(4), clipByGlobalNorm(1), optimizerStep(adam()));
 * ```
 *
 * @param maxNorm - Above 0, in units of the gradient: a number, a schedule of the global step, or an Observable.
 * @throws {@link ArgumentError} at once, if `maxNorm` is not above 0; a schedule or an Observable errors with it.
 * @see {@link clipByValue}
 * @see Pascanu, Mikolov, Bengio 2013, arXiv:1211.5063.
 */
export function clipByGlobalNorm(maxNorm: Live): MonoTypeOperatorFunction<GradientStep> {
  const label = 'clipByGlobalNorm: maxNorm';
  checkLive(maxNorm, label, assertPositive);

  return (source) =>
    defer(() => {
      const limit = liveValue(maxNorm, 'clipByGlobalNorm', label, assertPositive);
      return source.pipe(
        limit.whileRunning(),
        records('clipByGlobalNorm', { maxNorm: describeLive(maxNorm) }),
        map((step) => {
          const { div, maximum, mul, sqrt, square, sum, tidy } = tensors();
          try {
            const most = limit.at(step.globalStep + 1);
            const { gradients, norm } = tidy(() => {
              const norm = sqrt(sum<tf.Scalar>(square(step.gradients)));
              return { norm, gradients: mul<tf.Tensor1D>(step.gradients, div(most, maximum(norm, most))) };
            });
            step.gradients.dispose();
            const clipped = noteChanges({ ...step, gradients }, limit.apply(most));
            if (!step.gradientNorm) return { ...clipped, gradientNorm: norm };
            norm.dispose(); // an earlier clip knows what it was before any
            return clipped;
          } catch (error) {
            disposeTensors(step);
            throw error;
          }
        }),
      );
    });
}
