import type * as tf from '@tensorflow/tfjs';

import { tensors } from '../core/tensors.js';
import type { WeightSlot } from '../core/weights.js';

/** A vector as long as all the weights together, each of its elements `value`. The caller owns it. */
export function filled(slots: readonly WeightSlot[], value: number): tf.Tensor1D {
  const length = slots.reduce((sum, { size }) => sum + size, 0);
  return tensors().fill([length], value, 'float32');
}
