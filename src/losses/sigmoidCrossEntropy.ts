import type * as tf from '@tensorflow/tfjs';

import type { NdArray } from '../core/batch.js';
import type { LossFunction } from '../core/loss.js';
import { tensors } from '../core/tensors.js';
import { constant } from './constant.js';
import { lossPerSample } from './lossPerSample.js';
import { assertSameShape, sameShape } from './sameShape.js';
import { toFloat } from './toFloat.js';

/**
 * Sigmoid cross-entropy of labels within [0, 1], from logits.
 *
 * The loss of yes-or-no questions, one or many per sample, whose answers do not exclude each other. It takes logits, not probabilities:
 * so it cannot overflow, and the model needs no sigmoid.
 *
 * ```text
 * loss     = log(1 + exp(logit)) − label · logit
 *          = −label · log sigmoid(logit) − (1 − label) · log(1 − sigmoid(logit))
 * gradient = sigmoid(logit) − label
 * ```
 *
 * The value is right to the rounding of the logit (about 1e-6 at a logit of 10, 0 from 15 on); the gradient has its full precision. Labels on the
 * host are checked; labels that are already on the device are taken at their word. Labels get no gradient, and there is no second derivative.
 *
 * **Shapes**: labels and logits `[batch, …]`; result `[batch]`, the mean over the other axes.
 * **Units**: nats; not knowing costs log 2.
 * **Cost**: 6 kernels, 7 when gradients are wanted, and 3 in the gradient. Logits `[batch]` save the mean and one in the gradient; labels that are
 * not float32 cost a Cast.
 * **Memory**: one tensor in the shape of the logits is kept for the gradient.
 * **Ownership**: the result is the caller's; labels and logits stay theirs.
 *
 * @example
 * ```ts
 * const { tf } = await engine('cpu');
 * const labels = tf.tensor2d([[1, 0], [1, 1]]);
 * const logits = tf.tensor2d([[0, 0], [4, -4]]);
 * sigmoidCrossEntropy(labels, logits).print(); // [0.6931472, 2.01815]
 * ```
 *
 * @throws {@link ArgumentError} unless labels have the shape of the logits.
 * @see {@link softmaxCrossEntropy} for classes of which exactly one holds.
 * @see `torch.nn.functional.binary_cross_entropy_with_logits`
 */
export const sigmoidCrossEntropy: LossFunction = Object.assign(
  function sigmoidCrossEntropy(labels: tf.Tensor, predictions: tf.Tensor): tf.Tensor {
    assertSameShape('sigmoidCrossEntropy', labels, predictions);
    const { mul, sigmoid, softplus, sub, tidy } = tensors();
    return tidy(() => {
      const targets = toFloat(labels);
      return lossPerSample(predictions, {
        values: () => sub(softplus(predictions), mul(predictions, targets)),
        slope: constant(() => sub(sigmoid(predictions), targets)),
      });
    });
  },
  { checkLabels },
);

function checkLabels(labels: NdArray, predictionShape: readonly number[]): string | undefined {
  const problem = sameShape(labels, predictionShape);
  if (problem) return problem;
  const { data, shape } = labels;
  for (let i = 0; i < data.length; i += 1) {
    const label = data[i]!;
    if (label >= 0 && label <= 1) continue;
    return `label ${label} of sample ${Math.floor((i * shape[0]!) / data.length)} must be within [0, 1]`;
  }
  return undefined;
}
