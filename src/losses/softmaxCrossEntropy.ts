import type * as tf from '@tensorflow/tfjs';

import type { NdArray } from '../core/batch.js';
import type { LossFunction } from '../core/loss.js';
import { tensors } from '../core/tensors.js';
import { assertClasses, crossEntropy } from './crossEntropy.js';
import { assertSameShape, sameShape } from './sameShape.js';
import { toFloat } from './toFloat.js';

/** How far the labels of one sample may be from 1 in sum: rounding passes, a row of zeros or of two ones does not. */
const TOLERANCE = 0.01;

/**
 * Softmax cross-entropy of labels that are one-hot or probabilities, from logits.
 *
 * The loss of classification. It takes logits, not probabilities: so it cannot overflow, and the model needs no softmax.
 *
 * ```text
 * loss     = −Σ label · log softmax(logit)        over the classes, the last axis
 * gradient = softmax(logit) − label
 * ```
 *
 * The labels of a row must be at least 0 and sum to 1, else the gradient is not that of the loss (as in TensorFlow). Labels on the host are
 * checked; labels that are already on the device are taken at their word, since looking would stall it. A logit of −∞ gives NaN: mask with −1e9.
 * Labels get no gradient, and there is no second derivative.
 *
 * **Shapes**: labels and logits `[batch, …, classes]`; result `[batch]`, the mean over the axes between (over time, for a sequence).
 * **Units**: nats; guessing evenly among n classes costs log n.
 * **Cost**: 9 kernels, 10 when gradients are wanted, and 2 in the gradient. For a sequence one and one more; labels that are not float32 cost a Cast.
 * **Memory**: one tensor in the shape of the logits is kept for the gradient; the pass takes four.
 * **Ownership**: the result is the caller's; labels and logits stay theirs.
 *
 * @example
 * ```ts
 * const { tf } = await engine('cpu');
 * const labels = tf.tensor2d([[0, 1], [0.5, 0.5]]);
 * const logits = tf.tensor2d([[0, 0], [2, 0]]);
 * softmaxCrossEntropy(labels, logits).print(); // [0.6931472, 1.126928]
 * ```
 *
 * @throws {@link ArgumentError} unless labels have the shape of the logits, and those 2 classes or more.
 * @see {@link sparseSoftmaxCrossEntropy} for class numbers, {@link sigmoidCrossEntropy} for classes that do not exclude each other.
 * @see Goodfellow, Bengio, Courville 2016, Deep Learning, 6.2.2.3; `torch.nn.functional.cross_entropy` with probabilities.
 */
export const softmaxCrossEntropy: LossFunction = Object.assign(
  function softmaxCrossEntropy(labels: tf.Tensor, predictions: tf.Tensor): tf.Tensor {
    assertClasses('softmaxCrossEntropy', predictions);
    assertSameShape('softmaxCrossEntropy', labels, predictions);
    return tensors().tidy(() => crossEntropy(toFloat(labels), predictions));
  },
  { checkLabels },
);

function checkLabels(labels: NdArray, predictionShape: readonly number[]): string | undefined {
  const problem = sameShape(labels, predictionShape);
  if (problem) return problem;
  const { data } = labels;
  const classes = predictionShape.at(-1) ?? 1;
  const perSample = data.length / (predictionShape[0] ?? 1);
  for (let start = 0; start < data.length; start += classes) {
    let sum = 0;
    for (let i = start; i < start + classes; i += 1) {
      const label = data[i]!;
      if (!(label >= 0)) return `label ${label} of sample ${Math.floor(i / perSample)} must be at least 0`;
      sum += label;
    }
    if (Math.abs(sum - 1) > TOLERANCE)
      return `the labels of sample ${Math.floor(start / perSample)} must sum to 1 over the classes, they sum to ${sum}`;
  }
  return undefined;
}
