import type * as tf from '@tensorflow/tfjs';

import { assertPositive } from '../core/errors.js';
import type { LossFunction } from '../core/loss.js';
import { tensors } from '../core/tensors.js';
import { constant } from './constant.js';
import { lossPerSample } from './lossPerSample.js';
import { assertSameShape, sameShape } from './sameShape.js';
import { toFloat } from './toFloat.js';

/**
 * The Huber loss: squared for errors up to `delta`, straight beyond.
 *
 * It settles like {@link mse} near the answer, and an outlier pulls no harder than `delta`, as with {@link mae}.
 *
 * ```text
 * loss     = ½ · error²                    where |error| ≤ delta, error = prediction − label
 *          = delta · (|error| − ½ · delta)  elsewhere
 * gradient = error clipped to [−delta, delta]
 * ```
 *
 * With a large `delta` it is half of {@link mse}. Where a prediction is NaN the loss is NaN; the gradient is too, but not on every engine (wasm clips it).
 * Labels get no gradient, and there is no second derivative.
 *
 * **Shapes**: labels and predictions `[batch, …]`; result `[batch]`, the mean over the other axes.
 * **Units**: those of the labels, squared.
 * **Cost**: 6 kernels, 7 when gradients are wanted, and 3 in the gradient. Predictions `[batch]` save the mean and one in the gradient; labels that are
 * not float32 cost a Cast.
 * **Memory**: one tensor in the shape of the predictions is kept for the gradient.
 * **Ownership**: the result is the caller's; labels and predictions stay theirs.
 *
 * @example
 * ```ts
 * const { tf } = await engine('cpu');
 * const labels = tf.tensor2d([[1, 2], [3, 4]]);
 * const predictions = tf.tensor2d([[1, 3], [3, 1]]);
 * huber(1)(labels, predictions).print(); // [0.25, 1.25]
 * ```
 *
 * @param delta - The largest error that is squared, in the units of the labels; positive.
 * @throws {@link ArgumentError} at once, if `delta` is not a positive number; by the loss, unless labels have the shape of the predictions.
 * @see Huber 1964, Robust Estimation of a Location Parameter, doi:10.1214/aoms/1177703732; `torch.nn.functional.huber_loss`
 */
export function huber(delta = 1): LossFunction {
  assertPositive(delta, 'huber: delta');
  const loss = (labels: tf.Tensor, predictions: tf.Tensor): tf.Tensor => {
    assertSameShape('huber', labels, predictions);
    const { clipByValue, mul, sub, tidy } = tensors();
    return tidy(() => {
      const error = constant(() => sub(predictions, toFloat(labels)));
      const clipped = constant(() => clipByValue(error, -delta, delta));
      // Both cases in one product: clipped · (error − ½ · clipped).
      return lossPerSample(predictions, { values: () => mul(clipped, sub(error, mul(clipped, 0.5))), slope: clipped });
    });
  };
  return Object.assign(loss, { checkLabels: sameShape });
}
