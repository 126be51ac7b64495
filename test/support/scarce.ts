import type * as tf from '@tensorflow/tfjs';

import type { CustomModel } from '../../src/core/model.js';

/** What native TensorFlow says when memory runs out. */
export const OOM =
  'Invalid TF_Status: 8\nMessage: OOM when allocating tensor with shape[64,2] and type float by allocator mklcpu';

/** The same model on a machine that has room for so many samples at once; it fails before or after it has computed. */
export function scarce<M extends CustomModel>(
  model: M,
  room: (xs: tf.Tensor) => number,
  { late = false, message = OOM }: { readonly late?: boolean; readonly message?: string } = {},
): M {
  const check = (xs: tf.Tensor): void => {
    if (xs.shape[0]! > room(xs)) throw new Error(message);
  };
  return {
    ...model,
    apply: (xs: tf.Tensor, options: { training: boolean }): unknown => {
      if (!late) check(xs);
      const predictions: unknown = model.apply(xs, options);
      if (late) check(xs);
      return predictions;
    },
  };
}

/** A layers model as one of one's own, with all its variables. */
export function asOwn(model: tf.LayersModel): CustomModel {
  return {
    variables: model.weights.map((weight) => weight.read() as tf.Variable),
    apply: (xs: tf.Tensor, { training }: { training: boolean }): unknown => model.apply(xs, { training }),
  };
}
