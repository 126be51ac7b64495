import type * as tf from '@tensorflow/tfjs';
import { map, pipe, type MonoTypeOperatorFunction } from 'rxjs';

import { assertPositiveInteger } from '../src/core/errors.js';
import { records } from '../src/core/runState.js';
import { tensors } from '../src/core/tensors.js';
import type { GradientStep } from '../src/core/values.js';

/** Options of {@link skipNonFinite}. */
export interface SkipNonFiniteOptions {
  /** After how many skipped steps in a row the run errors, since nothing is learnt any more; a positive integer. Never, unless given. */
  readonly giveUpAfter?: number;
}

/**
 * Makes the optimizer leave weights and its own state as they are wherever a loss or a gradient is NaN or infinite.
 *
 * One overflowing batch then costs one step instead of the run.
 *
 * ```text
 * source:  --a-----b-----c--|        b: NaN
 *             skipNonFinite(), optimizerStep(…), readback()
 * output:  --1-----2-----3--|        2: weights unchanged, nonFinite: { what: 'gradients', action: 'skipped', count: 1 }
 * ```
 *
 * The step is counted and reported, never hidden: there is one event for each window, and it says how many have been skipped by now. The decision
 * is made on the device, so that nothing is read; `globalStep` and schedules move on. `readback` counts, and gives up where it is asked to.
 *
 * **Cost**: about 6 ops here and one selection for the weights and each optimizer slot; no read.
 * **Ownership**: hands every step on as it is, with one more scalar.
 *
 * @example
 * ```ts
 * steps$.pipe(accumulate(4), skipNonFinite(), clipByGlobalNorm(1), optimizerStep(adam()));
 * ```
 *
 * @throws {@link ArgumentError} at once, if `giveUpAfter` is no positive integer. `readback` errors with {@link NonFiniteError}, if it gives up.
 * @see Optax's `apply_if_finite`.
 */
export function skipNonFinite({ giveUpAfter }: SkipNonFiniteOptions = {}): MonoTypeOperatorFunction<GradientStep> {
  if (giveUpAfter !== undefined) assertPositiveInteger(giveUpAfter, 'skipNonFinite: giveUpAfter');
  return pipe(
    records('skipNonFinite', { ...(giveUpAfter && { giveUpAfter }) }),
    map((step) => ({ ...step, finite: finiteOf(step), ...(giveUpAfter && { giveUpAfter }) })),
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
