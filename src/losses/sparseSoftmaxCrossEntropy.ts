import type * as tf from '@tensorflow/tfjs';

import type { NdArray } from '../core/batch.js';
import { ArgumentError } from '../core/errors.js';
import type { LossFunction } from '../core/loss.js';
import { tensors } from '../core/tensors.js';
import { constant } from './constant.js';
import { assertClasses, crossEntropy } from './crossEntropy.js';
import { mustBe } from './sameShape.js';
import { toFloat } from './toFloat.js';

/**
 * Softmax cross-entropy of labels that are class numbers, from logits.
 *
 * {@link softmaxCrossEntropy} without the one-hot labels: a batch carries one number per sample (or per token), not one per class.
 *
 * ```text
 * loss     = −log softmax(logit)[label]        over the classes, the last axis
 * gradient = softmax(logit) − oneHot(label)
 * ```
 *
 * Labels count from 0. Labels on the host are checked, and one that is no class ends the run with a sentence. Labels that are already on the
 * device cannot be looked at without stalling it: there a label that is no class (out of range, fractional, NaN) makes the loss of its sample
 * NaN, and the gradient of its row. A logit of −∞ gives NaN: mask with −1e9. There is no second derivative.
 *
 * **Shapes**: labels `[batch, …]`, int32 or float32; logits `[batch, …, classes]`; result `[batch]`, the mean over the axes between (over time, for a sequence).
 * **Units**: nats; guessing evenly among n classes costs log n.
 * **Cost**: 13 kernels, 14 when gradients are wanted, and 2 in the gradient. For a sequence one and one more; float32 labels cost two more.
 * **Memory**: one tensor in the shape of the logits is kept for the gradient; the pass takes five.
 * **Ownership**: the result is the caller's; labels and logits stay theirs.
 *
 * @example
 * ```ts
 * const { tf } = await engine('cpu');
 * const labels = tf.tensor1d([1, 0], 'int32');
 * const logits = tf.tensor2d([[0, 0], [2, 0]]);
 * sparseSoftmaxCrossEntropy(labels, logits).print(); // [0.6931472, 0.126928]
 * ```
 *
 * @throws {@link ArgumentError} unless labels have the shape of the logits without the classes, and those are 2 or more.
 * @see {@link softmaxCrossEntropy} for the formula, and for labels that are probabilities.
 * @see `tf.nn.sparse_softmax_cross_entropy_with_logits`, which gives NaN for a label out of range too (on GPUs).
 */
export const sparseSoftmaxCrossEntropy: LossFunction = Object.assign(
  function sparseSoftmaxCrossEntropy(labels: tf.Tensor, predictions: tf.Tensor): tf.Tensor {
    assertClasses('sparseSoftmaxCrossEntropy', predictions);
    const problem = mustBe(labels.shape, predictions.shape.slice(0, -1), predictions.shape);
    if (problem) throw new ArgumentError(`sparseSoftmaxCrossEntropy: ${problem}`);
    const classes = predictions.shape.at(-1)!;
    return tensors().tidy(() => crossEntropy(oneHotOrNaN(labels, classes), predictions));
  },
  { checkLabels },
);

/** One row per label: its one-hot, or NaN throughout if it is no class. */
function oneHotOrNaN(labels: tf.Tensor, classes: number): tf.Tensor {
  const { div, equal, oneHot, range, reshape, sum } = tensors();
  return constant(() => {
    const hits =
      labels.dtype === 'int32'
        ? oneHot(labels, classes) // int32: wasm's kernel writes whole numbers whatever it is asked for
        : equal(reshape(labels, [...labels.shape, 1]), range(0, classes)); // a cast to int32 would make 0 of NaN, and 2 of 2.7
    const rows = toFloat(hits);
    return div(rows, sum(rows, -1, true)); // a row without a hit is 0/0
  });
}

function checkLabels({ data, shape }: NdArray, predictionShape: readonly number[]): string | undefined {
  const problem = mustBe(shape, predictionShape.slice(0, -1), predictionShape);
  if (problem) return problem;
  const classes = predictionShape.at(-1) ?? 0;
  for (let i = 0; i < data.length; i += 1) {
    const label = data[i]!;
    if (Number.isInteger(label) && label >= 0 && label < classes) continue;
    const which = `label ${label} of sample ${Math.floor((i * shape[0]!) / data.length)}`;
    if (label >= classes) return `${which} must be below the ${classes} classes of the predictions`;
    return `${which} must be a whole number of at least 0`;
  }
  return undefined;
}
