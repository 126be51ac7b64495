import type * as tf from '@tensorflow/tfjs';

import { ArgumentError } from '../core/errors.js';
import { tensors } from '../core/tensors.js';
import { assertClasses } from '../losses/crossEntropy.js';
import { meanPerSample } from '../losses/meanPerSample.js';
import { mustBe } from '../losses/sameShape.js';
import { toFloat } from '../losses/toFloat.js';

/**
 * The share of samples whose class has the highest logit: 1 or 0 for each sample.
 *
 * What classification is about, in a number that can be compared between losses.
 *
 * ```text
 * accuracy = 1 if argMax(logits) = label, else 0        label: the class number, or argMax of one-hot labels
 * ```
 *
 * The rank of the labels says what they are: that of the predictions, one-hot (or probabilities); one less, class numbers. Of equal logits the first
 * counts as the highest. A label that is no class is never hit. Logits that are NaN count as the engine's argMax has them; the loss is what shows them.
 *
 * **Shapes**: predictions `[batch, …, classes]`, logits or probabilities; labels the same or `[batch, …]`; result `[batch]`, the mean over the axes
 * between (over time, for a sequence).
 * **Units**: a share, 0 to 1. As every metric that is given as a bare function it is averaged by weight.
 * **Cost**: 3 kernels with int32 class numbers, 4 with one-hot labels, 5 with float32 class numbers; one more for a sequence.
 * **Ownership**: the result is the caller's; labels and predictions stay theirs.
 *
 * @example
 * ```ts
 * const { tf } = await engine('cpu');
 * const labels = tf.tensor1d([1, 0], 'int32');
 * const logits = tf.tensor2d([[-1, 2], [0, 3]]);
 * accuracy(labels, logits).print(); // [1, 0]
 * ```
 *
 * @throws {@link ArgumentError} unless the shapes are as above, with 2 classes or more.
 * @see {@link binaryAccuracy} for one logit per answer.
 */
export function accuracy(labels: tf.Tensor, predictions: tf.Tensor): tf.Tensor {
  assertClasses('accuracy', predictions);
  const oneHot = labels.rank === predictions.rank;
  const problem = mustBe(labels.shape, oneHot ? predictions.shape : predictions.shape.slice(0, -1), predictions.shape);
  if (problem) throw new ArgumentError(`accuracy: ${problem}`);

  const { argMax, equal, tidy } = tensors();
  return tidy(() => {
    const classes = oneHot ? argMax(labels, -1) : labels;
    return meanPerSample(toFloat(equal(argMax(predictions, -1), classes)));
  });
}
