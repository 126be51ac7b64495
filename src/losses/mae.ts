import type * as tf from '@tensorflow/tfjs';

import type { LossFunction } from '../core/loss.js';
import { tensors } from '../core/tensors.js';
import { constant } from './constant.js';
import { lossPerSample } from './lossPerSample.js';
import { assertSameShape, sameShape } from './sameShape.js';
import { toFloat } from './toFloat.js';

/**
 * Mean absolute error.
 *
 * The loss of regression on data with outliers: its best prediction is the median of what may come.
 *
 * ```text
 * loss     = |prediction − label|
 * gradient = sign(prediction − label)        0 where they are equal
 * ```
 *
 * The gradient has the same size however small the error is, so a constant learning rate keeps it from settling: see {@link huber}.
 * Where a prediction is NaN the loss is NaN, but its gradient 0. Labels get no gradient.
 *
 * **Shapes**: labels and predictions `[batch, …]`; result `[batch]`, the mean over the other axes.
 * **Units**: those of the labels.
 * **Cost**: 4 kernels, 5 when gradients are wanted, and 3 in the gradient. Predictions `[batch]` save the mean and one in the gradient; labels that are
 * not float32 cost a Cast.
 * **Memory**: one tensor in the shape of the predictions is kept for the gradient.
 * **Ownership**: the result is the caller's; labels and predictions stay theirs.
 *
 * @example
 * ```ts
 * const { tf } = await engine('cpu');
 * const labels = tf.tensor2d([[1, 2], [3, 4]]);
 * const predictions = tf.tensor2d([[1, 3], [3, 1]]);
 * mae(labels, predictions).print(); // [0.5, 1.5]
 * ```
 *
 * @throws {@link ArgumentError} unless labels have the shape of the predictions.
 * @see {@link meanAbsoluteError} for the same as a metric.
 * @see `torch.nn.functional.l1_loss`
 */
export const mae: LossFunction = Object.assign(
  function mae(labels: tf.Tensor, predictions: tf.Tensor): tf.Tensor {
    assertSameShape('mae', labels, predictions);
    const { abs, sign, sub, tidy } = tensors();
    return tidy(() => {
      const error = constant(() => sub(predictions, toFloat(labels)));
      return lossPerSample(predictions, { values: () => abs(error), slope: constant(() => sign(error)) });
    });
  },
  { checkLabels: sameShape },
);
