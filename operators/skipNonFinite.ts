import type * as tf from '@tensorflow/tfjs';
import { map, pipe, type MonoTypeOperatorFunction } from 'rxjs';

import { records } from '../src/core/runState.js';
import { tensors } from '../src/core/tensors.js';
import type { GradientStep } from '../src/core/values.js';

/**
 * Makes the optimizer leave weights and its own state as they are wherever a loss or a gradient is NaN or infinite.
 *
 * One overflowing batch then costs one step instead of the run.
 *
 * ```text
 * source:  --a-----b-----c--|        b: NaN
 *             skipNonFinite(), optimizerStep(…), readback()
 * output:  --1-----2-----3--|        2: weights unchanged, nonFinite: { what: 'gradients', action: 'skipped' }
 * ```
 *
 * The step is counted and reported, never hidden: there is one event for each window. The decision is made on the device, so that nothing is
 * read; `globalStep` and schedules move on.
 *
 * **Cost**: about 6 ops here and one selection for the weights and each optimizer slot; no read.
 * **Ownership**: hands every step on as it is, with one more scalar.
 *
 * @example
 * ```ts
 * steps$.pipe(accumulate(4), skipNonFinite(), clipByGlobalNorm(1), optimizerStep(adam()));
 * ```
 *
 * @see Optax's `apply_if_finite`.
 */
export function skipNonFinite(): MonoTypeOperatorFunction<GradientStep> {
  return pipe(
    records('skipNonFinite', {}),
    map((step) => ({ ...step, finite: finiteOf(step) })),
  );
}

/** 1 if every gradient and loss is finite, else 0. */
function finiteOf({ gradients, microBatches }: GradientStep): tf.Scalar {
  const { add, addN, cast, equal, mul, sum, tidy } = tensors();
  // 0·x is 0 for every finite x, and NaN for the others.
  return tidy(() => {
    const losses = addN(microBatches.map(({ loss }) => loss));
    return cast(equal<tf.Scalar>(add(sum(mul(gradients, 0)), mul(losses, 0)), 0), 'float32');
  });
}
