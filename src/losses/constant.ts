import type * as tf from '@tensorflow/tfjs';

import { tensors } from '../core/tensors.js';

/**
 * What `compute` gives, as a constant: nothing of it is recorded for gradients.
 *
 * TensorFlow.js would keep a copy of whatever each op may need for a gradient that nobody asks for.
 */
export function constant(compute: () => tf.Tensor): tf.Tensor {
  return tensors().customGrad(() => ({ value: compute(), gradFunc: () => [] }))();
}
