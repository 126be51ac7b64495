import type * as tf from '@tensorflow/tfjs';

import { tensors } from '../core/tensors.js';
import { meanPerSample } from './meanPerSample.js';

/** A loss before it is averaged, with its derivative. */
export interface Elements {
  /** Computes the loss of each element (of each row of logits): shape [batch, …]. */
  readonly values: () => tf.Tensor;
  /** Its derivative by the predictions, up to `factor`: a `constant` in the shape of the predictions. */
  readonly slope: tf.Tensor;
  /** What `slope` is to be multiplied by; 1 unless given. It is done in the gradient, over [batch] only. */
  readonly factor?: number;
}

/**
 * The mean loss of each sample, with a gradient made of the slope alone.
 *
 * The slope is computed in the pass, where most of it is at hand anyway, and is all that is kept for the gradient. TensorFlow.js would keep a
 * copy of the inputs of each op, and run two or three kernels for each in the gradient. First derivatives only, and only by the predictions.
 *
 * **Cost**: over `values` and `slope`: a Mean (none for predictions of shape [batch]) and, when gradients are wanted, an Identity;
 * in the gradient Reshape and Multiply, and a Multiply over [batch] where a mean or a factor scales it.
 * **Ownership**: the result is the caller's, who disposes the slope too: the gradient has its own reference.
 */
export function lossPerSample(predictions: tf.Tensor, { values, slope, factor = 1 }: Elements): tf.Tensor {
  const { customGrad, mul, reshape } = tensors();
  return customGrad((...inputs: (tf.Tensor | tf.GradSaveFunc)[]) => {
    const save = inputs[1] as tf.GradSaveFunc;
    save([slope]);
    const elements = values();
    const share = (factor * (elements.shape[0] ?? 1)) / elements.size;
    return {
      value: meanPerSample(elements),
      gradFunc: (dy: tf.Tensor, saved: tf.Tensor[]) => {
        const weight = share === 1 ? dy : mul(dy, share);
        const column = predictions.shape.map((size, axis) => (axis === 0 ? size : 1));
        return mul(saved[0]!, reshape(weight, column));
      },
    };
  })(predictions);
}
