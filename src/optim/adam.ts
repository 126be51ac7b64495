import type * as tf from '@tensorflow/tfjs';

import { assertPositive } from '../core/errors.js';
import { checkLive, type Live } from '../core/live.js';
import type { Optimizer } from '../core/optimizer.js';
import { tensors } from '../core/tensors.js';
import { adamStep, initMoments, type Moments } from './adamMoments.js';
import { assertBetas, assertRate } from './checkOptions.js';

/** What {@link adam} may be told. */
export interface AdamOptions {
  /** About the largest change of a weight in one step; at least 0. 0.001 unless given. */
  readonly learningRate?: Live;
  /** What the means of gradients and of their squares keep of themselves; each at least 0, below 1. 0.9 and 0.999 unless given. */
  readonly betas?: readonly [number, number];
  /** Added to the root of the mean square, against division by 0; above 0. 1e-8 unless given. */
  readonly epsilon?: number;
}

/**
 * Steps along the mean gradient, each weight divided by the size its gradients usually have.
 *
 * Every weight gets a step of about the learning rate, however its gradients are scaled: the optimizer that works before anything is tuned.
 *
 * ```text
 * mean   = β1 · mean   + (1 − β1) · gradient
 * square = β2 · square + (1 − β2) · gradient²
 * weight = weight − learningRate · mean / (1 − β1ᵗ) / (√(square / (1 − β2ᵗ)) + ε)     t steps taken, this one too
 * ```
 *
 * The first step moves each weight by the learning rate against the sign of its gradient. A weight whose gradients were all 0 stays.
 * PyTorch's formula, with ε beside the corrected root; Keras adds it before the correction.
 *
 * **Cost**: 18 kernels and 7 constants a step, whatever the number of variables: 13 over the weights, 5 over scalars.
 * **Memory**: two sets of weights (`first`, `second`) and two scalars (`beta1Power`, `beta2Power`).
 * **Ownership**: `init` and `update` make what they return, which the caller owns; they dispose nothing else.
 *
 * @example
 * ```ts
 * const optimizer = adam({ learningRate: 3e-4, betas: [0.9, 0.95] });
 * ```
 *
 * @param options - See {@link AdamOptions}; everything has a default.
 * @throws {@link ArgumentError} at once, if an option is out of its range.
 *
 * @see {@link adamw} for weight decay.
 * @see Kingma and Ba 2015, arXiv:1412.6980, in the form of PyTorch's `torch.optim.Adam`.
 */
export function adam(options: AdamOptions = {}): Optimizer {
  const { learningRate = 1e-3, betas = [0.9, 0.999], epsilon = 1e-8 } = options;
  checkLive(learningRate, 'adam: learningRate', assertRate);
  assertBetas(betas, 'adam: betas');
  assertPositive(epsilon, 'adam: epsilon');

  return {
    name: 'adam',
    learningRate,
    options: { betas, epsilon },
    formula: { kind: 'adam', betas, epsilon, weightDecay: 0, decays: () => false },
    init: initMoments,
    update: (gradients, state, weights, rate) => {
      const { sub, tidy } = tensors();
      return tidy(() => {
        const { step, moments } = adamStep(gradients, state as Moments, rate, betas, epsilon);
        return { weights: sub<tf.Tensor1D>(weights, step), state: moments };
      });
    },
  };
}
