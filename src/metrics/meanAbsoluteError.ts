import type * as tf from '@tensorflow/tfjs';

import { tensors } from '../core/tensors.js';
import { meanPerSample } from '../losses/meanPerSample.js';
import { assertSameShape } from '../losses/sameShape.js';
import { toFloat } from '../losses/toFloat.js';

/**
 * How far predictions are from labels, on average.
 *
 * It reads in the units of the labels, which a squared loss does not.
 *
 * ```text
 * error = |prediction − label|
 * ```
 *
 * **Shapes**: labels and predictions `[batch, …]`; result `[batch]`, the mean over the other axes.
 * **Units**: those of the labels. As every metric that is given as a bare function it is averaged by weight.
 * **Cost**: 3 kernels; predictions `[batch]` save one, labels that are not float32 cost a Cast.
 * **Ownership**: the result is the caller's; labels and predictions stay theirs.
 *
 * @example
 * ```ts
 * const { tf } = await engine('cpu');
 * const labels = tf.tensor2d([[1, 2], [3, 4]]);
 * const predictions = tf.tensor2d([[1, 3], [3, 1]]);
 * meanAbsoluteError(labels, predictions).print(); // [0.5, 1.5]
 * ```
 *
 * @throws {@link ArgumentError} unless labels have the shape of the predictions.
 * @see {@link mae} for the same as a loss.
 */
export function meanAbsoluteError(labels: tf.Tensor, predictions: tf.Tensor): tf.Tensor {
  assertSameShape('meanAbsoluteError', labels, predictions);
  const { abs, sub, tidy } = tensors();
  return tidy(() => meanPerSample(abs(sub(predictions, toFloat(labels)))));
}
