import type * as tf from '@tensorflow/tfjs';

/** What TensorFlow.js makes of a pool's attributes. */
export function poolInfo(
  { backend_util }: typeof tf,
  x: tf.TensorInfo,
  { filterSize, strides, pad, dimRoundingMode }: tf.MaxPoolAttrs,
): tf.backend_util.Conv2DInfo {
  const shape = x.shape as [number, number, number, number];
  return backend_util.computePool2DInfo(shape, filterSize, strides, 1, pad, dimRoundingMode);
}
