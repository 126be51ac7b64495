import type * as tf from '@tensorflow/tfjs';

import { tensors } from '../core/tensors.js';
import type { WeightSlot } from '../core/weights.js';
import { filled } from './filled.js';

/**
 * What Adam remembers: decaying means of gradients and of their squares, and the powers of β that say how much of a mean is still missing.
 *
 * They are those of PyTorch, Keras and TensorFlow's own op. The powers are scalars on the device, so a step that is skipped there takes its count
 * with it.
 */
export type Moments = Readonly<Record<'first' | 'second' | 'beta1Power' | 'beta2Power', tf.Tensor>>;

/** The memory of no step: means of nothing, and β⁰. The caller owns it. */
export function initMoments(slots: readonly WeightSlot[]): Moments {
  const { scalar } = tensors();
  return { first: filled(slots, 0), second: filled(slots, 0), beta1Power: scalar(1), beta2Power: scalar(1) };
}

/** The moments with one gradient more, and what Adam subtracts from the weights. To be called in a `tidy`: it leaves intermediates. */
export function adamStep(
  gradients: tf.Tensor1D,
  moments: Moments,
  learningRate: number,
  betas: readonly [number, number],
  epsilon: number,
): { step: tf.Tensor; moments: Moments } {
  const { add, div, mul, scalar, sqrt, square, sub } = tensors();
  // As the device has them: 1 − 0.999 would be off by 1e-5 otherwise.
  const [beta1, beta2] = [Math.fround(betas[0]), Math.fround(betas[1])];
  const [b1, b2, one] = [scalar(beta1), scalar(beta2), scalar(1)];
  const first = add(mul(moments.first, b1), mul(gradients, 1 - beta1));
  const second = add(mul(moments.second, b2), mul(square(gradients), 1 - beta2));
  const beta1Power = mul(moments.beta1Power, b1);
  const beta2Power = mul(moments.beta2Power, b2);

  const size = add(sqrt(div(second, sub(one, beta2Power))), epsilon);
  const rate = div(learningRate, sub(one, beta1Power));
  return { step: mul(div(first, size), rate), moments: { first, second, beta1Power, beta2Power } };
}
