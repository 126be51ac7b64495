import type * as tf from '@tensorflow/tfjs';

import { tensors } from '../core/tensors.js';

/** The mean of each sample's values: shape [batch, …] in, [batch] out. Values that are one per sample are returned as they are. */
export function meanPerSample(values: tf.Tensor): tf.Tensor {
  const axes = values.shape.map((_, axis) => axis).slice(1);
  return axes.length > 0 ? tensors().mean(values, axes) : values;
}
