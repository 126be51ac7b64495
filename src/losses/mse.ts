import type * as tf from '@tensorflow/tfjs';

import type { LossFunction } from '../core/loss.js';
import { tensors } from '../core/tensors.js';
import { constant } from './constant.js';
import { lossPerSample } from './lossPerSample.js';
import { assertSameShape, sameShape } from './sameShape.js';
import { toFloat } from './toFloat.js';

/**
 * Mean squared error.
 *
 * The loss of regression: its best prediction is the mean of what may come, and large errors count most.
 *
 * ```text
 * loss     = (prediction − label)²
 * gradient = 2 · (prediction − label)
 * ```
 *
 * There is no ½ in it. Labels get no gradient, and there is no second derivative.
 *
 * **Shapes**: labels and predictions `[batch, …]`; result `[batch]`, the mean over the other axes.
 * **Units**: those of the labels, squared.
 * **Cost**: 3 kernels, 4 when gradients are wanted, and 3 in the gradient. Predictions `[batch]` save the mean; labels that are not float32 cost a Cast.
 * **Memory**: one tensor in the shape of the predictions is kept for the gradient.
 * **Ownership**: the result is the caller's; labels and predictions stay theirs.
 *
 * @example
 * ```ts
 * const { tf } = await engine('cpu');
 * const labels = tf.tensor2d([[1, 2], [3, 4]]);
 * const predictions = tf.tensor2d([[1, 3], [3, 1]]);
 * mse(labels, predictions).print(); // [0.5, 4.5]
 * ```
 *
 * @throws {@link ArgumentError} unless labels have the shape of the predictions: `[n]` against `[n, 1]` would broadcast to every pair.
 * @see {@link mae} and {@link huber} for data with outliers.
 * @see `torch.nn.functional.mse_loss`
 */
export const mse: LossFunction = Object.assign(
  function mse(labels: tf.Tensor, predictions: tf.Tensor): tf.Tensor {
    assertSameShape('mse', labels, predictions);
    const { square, sub, tidy } = tensors();
    return tidy(() => {
      const error = constant(() => sub(predictions, toFloat(labels)));
      return lossPerSample(predictions, { values: () => square(error), slope: error, factor: 2 });
    });
  },
  { checkLabels: sameShape },
);
