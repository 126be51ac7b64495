import type * as tf from '@tensorflow/tfjs';

import { tensors } from '../core/tensors.js';

/** The tensor itself if it is float32 already, so that the usual case costs no kernel. */
export function toFloat(values: tf.Tensor): tf.Tensor {
  return values.dtype === 'float32' ? values : tensors().cast(values, 'float32');
}
