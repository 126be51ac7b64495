import type * as tf from '@tensorflow/tfjs';

import { checkLive, type Live } from '../core/live.js';
import type { Optimizer } from '../core/optimizer.js';
import { tensors } from '../core/tensors.js';
import { assertBetas, assertRate } from './checkOptions.js';
import { assertDecays, hasTwoAxes, initExempt, keepExempt, shrink, type Decays } from './decoupledDecay.js';
import { filled } from './filled.js';

/** What {@link lion} may be told. */
export interface LionOptions {
  /** The change of every weight in one step; at least 0. 0.0001 unless given: a third to a tenth of what AdamW would take. */
  readonly learningRate?: Live;
  /** What the mean gradient weighs in a step, and what it keeps of itself after; each at least 0, below 1. 0.9 and 0.99 unless given. */
  readonly betas?: readonly [number, number];
  /** The share of a weight that a step of learning rate 1 would remove; at least 0. 0 unless given: three to ten times AdamW's. */
  readonly weightDecay?: number;
  /** Which variables decay: those of two axes and more unless given, so neither biases nor the scales of norms. */
  readonly decay?: Decays;
}

/**
 * Steps by the learning rate against the sign of the mean gradient.
 *
 * Half the memory of Adam, and fewer ops; found by a search over programs.
 *
 * ```text
 * step   = sign(β1 · mean + (1 − β1) · gradient)
 * weight = weight · (1 − learningRate · weightDecay) − learningRate · step     no decay where `decay(slot)` is false
 * mean   = β2 · mean + (1 − β2) · gradient
 * ```
 *
 * A weight whose gradients were all 0 stays. What is kept is mean / (1 − β2), a sum, of which the sign can be taken just as well.
 *
 * **Cost**: 7 kernels and 3 constants a step, whatever the number of variables; 8 and 4 with decay of all of them, 10 and 4 with decay of some.
 * **Memory**: one set of weights (`sum`), and a second (`exempt`) with decay of some variables.
 * **Ownership**: `init` and `update` make what they return, which the caller owns; they dispose nothing else.
 *
 * @example
 * ```ts
 * const optimizer = lion({ learningRate: 1e-4, weightDecay: 0.1 });
 * ```
 *
 * @param options - See {@link LionOptions}; everything has a default.
 * @throws {@link ArgumentError} at once, if an option is out of its range.
 *
 * @see Chen et al. 2023, arXiv:2302.06675, Algorithm 2.
 */
export function lion(options: LionOptions = {}): Optimizer {
  const { learningRate = 1e-4, betas = [0.9, 0.99], weightDecay = 0, decay = hasTwoAxes } = options;
  checkLive(learningRate, 'lion: learningRate', assertRate);
  assertBetas(betas, 'lion: betas');
  assertRate(weightDecay, 'lion: weightDecay');
  assertDecays(decay, 'lion: decay');
  const [beta1, beta2] = betas;
  const sumWeight = (beta1 * (1 - beta2)) / (1 - beta1);

  return {
    name: 'lion',
    learningRate,
    options: { betas, weightDecay },
    init: (slots) => ({ sum: filled(slots, 0), ...(weightDecay > 0 ? initExempt(slots, decay) : {}) }),
    update: (gradients, state, weights, rate) => {
      const { add, mul, sign, sub, tidy } = tensors();
      return tidy(() => {
        const step = mul(sign(add(mul(state.sum!, sumWeight), gradients)), rate);
        const sum = add(mul(state.sum!, beta2), gradients);
        return {
          weights: sub<tf.Tensor1D>(shrink(weights, state, rate * weightDecay), step),
          state: { sum, ...keepExempt(state) },
        };
      });
    },
  };
}
