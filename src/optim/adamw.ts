import type * as tf from '@tensorflow/tfjs';

import { assertPositive } from '../core/errors.js';
import { checkLive, type Live } from '../core/live.js';
import type { Optimizer } from '../core/optimizer.js';
import { tensors } from '../core/tensors.js';
import { adamStep, initMoments, type Moments } from './adamMoments.js';
import { assertBetas, assertRate } from './checkOptions.js';
import { assertDecays, hasTwoAxes, initExempt, keepExempt, shrink, type Decays } from './decoupledDecay.js';

/** What {@link adamw} may be told. */
export interface AdamWOptions {
  /** About the largest change of a weight in one step; at least 0. 0.001 unless given. */
  readonly learningRate?: Live;
  /** What the means of gradients and of their squares keep of themselves; each at least 0, below 1. 0.9 and 0.999 unless given. */
  readonly betas?: readonly [number, number];
  /** Added to the root of the mean square, against division by 0; above 0. 1e-8 unless given. */
  readonly epsilon?: number;
  /** The share of a weight that a step of learning rate 1 would remove; at least 0. 0.01 unless given. */
  readonly weightDecay?: number;
  /** Which variables decay: those of two axes and more unless given, so neither biases nor the scales of norms. */
  readonly decay?: Decays;
}

/**
 * Adam with weight decay that is not part of the gradient.
 *
 * Decay inside the gradient would be divided by the gradient's size like the rest of it, and pull least where gradients are large; taken
 * apart, it pulls on all weights alike. The usual optimizer for transformers.
 *
 * ```text
 * weight = weight · (1 − learningRate · weightDecay)        left out where `decay(slot)` is false
 * weight = weight − learningRate · adam's direction
 * ```
 *
 * Which variables decay is settled by `init` and is then part of the state (`exempt`): a resumed run keeps what it was started with.
 * PyTorch decays every variable that it is not told to leave out: `decay: () => true` does the same.
 *
 * **Cost**: 21 kernels and 8 constants a step, whatever the number of variables; 19 and 8 if all of them decay, {@link adam}'s 18 and 7 without
 * decay.
 * **Memory**: two sets of weights and two scalars as {@link adam}, and a third set (`exempt`) unless all variables decay.
 * **Ownership**: `init` and `update` make what they return, which the caller owns; they dispose nothing else.
 *
 * @example
 * ```ts
 * const optimizer = adamw({ learningRate: cosine(3e-4, 10_000), weightDecay: 0.1 });
 * ```
 *
 * @param options - See {@link AdamWOptions}; everything has a default.
 * @throws {@link ArgumentError} at once, if an option is out of its range.
 *
 * @see Loshchilov and Hutter 2019, arXiv:1711.05101, in the form of PyTorch's `torch.optim.AdamW`.
 */
export function adamw(options: AdamWOptions = {}): Optimizer {
  const { learningRate = 1e-3, betas = [0.9, 0.999], epsilon = 1e-8, weightDecay = 0.01, decay = hasTwoAxes } = options;
  checkLive(learningRate, 'adamw: learningRate', assertRate);
  assertBetas(betas, 'adamw: betas');
  assertPositive(epsilon, 'adamw: epsilon');
  assertRate(weightDecay, 'adamw: weightDecay');
  assertDecays(decay, 'adamw: decay');

  return {
    name: 'adamw',
    learningRate,
    options: { betas, epsilon, weightDecay },
    formula: { kind: 'adam', betas, epsilon, weightDecay, decays: decay },
    init: (slots) => ({ ...initMoments(slots), ...(weightDecay > 0 ? initExempt(slots, decay) : {}) }),
    update: (gradients, state, weights, rate) => {
      const { sub, tidy } = tensors();
      return tidy(() => {
        const { step, moments } = adamStep(gradients, state as Moments, rate, betas, epsilon);
        return {
          weights: sub<tf.Tensor1D>(shrink(weights, state, rate * weightDecay), step),
          state: { ...moments, ...keepExempt(state) },
        };
      });
    },
  };
}
