import type * as tf from '@tensorflow/tfjs';

import { tensors } from '../core/tensors.js';
import { meanPerSample } from '../losses/meanPerSample.js';
import { assertSameShape } from '../losses/sameShape.js';
import { toFloat } from '../losses/toFloat.js';

/**
 * The share of yes-or-no answers that are right, each from its logit.
 *
 * The accuracy that goes with {@link sigmoidCrossEntropy}.
 *
 * ```text
 * accuracy = 1 if (logit > 0) = label, else 0
 * ```
 *
 * A logit of 0 says no. It takes logits, not probabilities: those are all above 0. Labels between 0 and 1 are rounded, ½ to 0. NaN is never right.
 *
 * **Shapes**: labels and logits `[batch, …]`; result `[batch]`, the mean over the other axes.
 * **Units**: a share, 0 to 1. As every metric that is given as a bare function it is averaged by weight.
 * **Cost**: 5 kernels; logits `[batch]` save one.
 * **Ownership**: the result is the caller's; labels and logits stay theirs.
 *
 * @example
 * ```ts
 * const { tf } = await engine('cpu');
 * const labels = tf.tensor2d([[1, 0], [1, 1]]);
 * const logits = tf.tensor2d([[3, -2], [4, -4]]);
 * binaryAccuracy(labels, logits).print(); // [1, 0.5]
 * ```
 *
 * @throws {@link ArgumentError} unless labels have the shape of the logits.
 * @see {@link accuracy} for classes of which exactly one holds.
 */
export function binaryAccuracy(labels: tf.Tensor, predictions: tf.Tensor): tf.Tensor {
  assertSameShape('binaryAccuracy', labels, predictions);
  const { equal, round, step, tidy } = tensors();
  return tidy(() => meanPerSample(toFloat(equal(step(predictions), round(labels)))));
}
