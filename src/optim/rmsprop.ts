import type * as tf from '@tensorflow/tfjs';

import { assertPositive } from '../core/errors.js';
import { checkLive, type Live } from '../core/live.js';
import type { Optimizer } from '../core/optimizer.js';
import { tensors } from '../core/tensors.js';
import { assertKept, assertRate } from './checkOptions.js';
import { filled } from './filled.js';

/** What {@link rmsprop} may be told. */
export interface RmspropOptions {
  /** About the change of a weight in one step; at least 0. 0.01 unless given. */
  readonly learningRate?: Live;
  /** What the mean square keeps of itself from step to step; at least 0, below 1. 0.99 unless given. */
  readonly rho?: number;
  /** What is kept of the velocity from step to step; at least 0, below 1. 0, no momentum, unless given. */
  readonly momentum?: number;
  /** Added to the root of the mean square, against division by 0; above 0. 1e-8 unless given. */
  readonly epsilon?: number;
}

/**
 * Steps against the gradient, each weight divided by the root of its recent mean square.
 *
 * Adam without its first moment and its bias correction: half the memory, and at home where the gradients drift, as in recurrent networks and
 * reinforcement learning.
 *
 * ```text
 * square   = ρ · square + (1 − ρ) · gradient²
 * velocity = momentum · velocity + gradient / (√square + ε)
 * weight   = weight − learningRate · velocity
 * ```
 *
 * The mean square starts at 0 and is not corrected, so the first steps are up to 1 / √(1 − ρ) (10 by default) times as long as later ones;
 * a {@link warmup} evens that out. What is kept is square / (1 − ρ), a sum; the factor goes into the learning rate and ε.
 *
 * **Cost**: 8 kernels and 3 constants a step, whatever the number of variables; 10 and 4 with momentum.
 * **Memory**: one set of weights (`squares`), and a second with momentum (`velocity`).
 * **Ownership**: `init` and `update` make what they return, which the caller owns; they dispose nothing else.
 *
 * @example
 * ```ts
 * const optimizer = rmsprop({ learningRate: 1e-3, rho: 0.9 });
 * ```
 *
 * @param options - See {@link RmspropOptions}; everything has a default.
 * @throws {@link ArgumentError} at once, if an option is out of its range.
 *
 * @see Tieleman and Hinton 2012, lecture 6.5 of Neural Networks for Machine Learning, in the form of PyTorch's `torch.optim.RMSprop`.
 */
export function rmsprop(options: RmspropOptions = {}): Optimizer {
  const { learningRate = 0.01, rho = 0.99, momentum = 0, epsilon = 1e-8 } = options;
  checkLive(learningRate, 'rmsprop: learningRate', assertRate);
  assertKept(rho, 'rmsprop: rho');
  assertKept(momentum, 'rmsprop: momentum');
  assertPositive(epsilon, 'rmsprop: epsilon');
  const rootShare = Math.sqrt(1 - rho);

  return {
    name: 'rmsprop',
    learningRate,
    options: { rho, epsilon, momentum },
    init: (slots) => ({ squares: filled(slots, 0), ...(momentum > 0 ? { velocity: filled(slots, 0) } : {}) }),
    update: (gradients, state, weights, rate) => {
      const { add, div, mul, sqrt, square, sub, tidy } = tensors();
      return tidy(() => {
        const squares = add(mul(state.squares!, rho), square(gradients));
        const direction = div(gradients, add(sqrt(squares), epsilon / rootShare));
        const velocity = momentum > 0 ? add(mul(state.velocity!, momentum), direction) : direction;
        return {
          weights: sub<tf.Tensor1D>(weights, mul(velocity, rate / rootShare)),
          state: momentum > 0 ? { squares, velocity } : { squares },
        };
      });
    },
  };
}
