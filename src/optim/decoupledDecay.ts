import type * as tf from '@tensorflow/tfjs';

import { ArgumentError } from '../core/errors.js';
import type { OptimizerState } from '../core/optimizer.js';
import { tensors } from '../core/tensors.js';
import type { WeightSlot } from '../core/weights.js';

/** Says of each variable whether its weights decay. */
export type Decays = (slot: WeightSlot) => boolean;

/** Kernels, embeddings and other matrices decay; biases and the scales of norms, which have one axis, do not. */
export const hasTwoAxes: Decays = ({ shape }) => shape.length >= 2;

/** Throws unless `decay` is a function: a number there was meant as `weightDecay`. */
export function assertDecays(decay: Decays, label: string): void {
  if (typeof decay !== 'function') {
    throw new ArgumentError(
      `${label} must be a function from a variable to a boolean (the rate is weightDecay), received ${String(decay)}`,
    );
  }
}

/**
 * The state that decay needs: which weights are exempt, as a vector of 1 and 0; nothing if all variables decay.
 *
 * It lies among the state and not in a closure, so that it is freed, saved and restored with the rest. The caller owns it.
 */
export function initExempt(slots: readonly WeightSlot[], decay: Decays): OptimizerState {
  if (slots.every(decay)) return {};
  const { concat, fill, tidy } = tensors();
  return {
    exempt: tidy(() => concat(slots.map((slot) => fill<tf.Rank.R1>([slot.size], decay(slot) ? 0 : 1, 'float32')))),
  };
}

/**
 * The weights after decay by `rate`, learning rate included: all times 1 − `rate`, but those that are exempt.
 *
 * Two kernels where a multiplication by a mask would take three. A rate above 1, which no sane run has, empties the weights.
 */
export function shrink(weights: tf.Tensor1D, { exempt }: OptimizerState, rate: number): tf.Tensor1D {
  const { maximum, mul } = tensors();
  if (rate === 0) return weights;
  const kept = Math.max(0, 1 - rate);
  return mul(weights, exempt ? maximum(exempt, kept) : kept);
}

/** The same exemptions for the next step, as a tensor of its own. */
export function keepExempt({ exempt }: OptimizerState): OptimizerState {
  return exempt ? { exempt: tensors().clone(exempt) } : {};
}
