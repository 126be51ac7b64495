import type * as tf from '@tensorflow/tfjs';

import { registerWrapped } from './native.js';

type Inputs = { indices: tf.Tensor; updates: tf.TensorInfo };

/** Makes native scattering take indices in one row, for which TensorFlow wants a column. */
export function registerScatterNd(library: typeof tf): void {
  registerWrapped<Inputs, tf.ScatterNdAttrs>(library, 'ScatterNd', (call, shipped) => {
    const { indices, updates } = call.inputs;
    if (indices.shape.length !== 1) return shipped(call);
    return library.tidy(() => shipped({ ...call, inputs: { indices: library.reshape(indices, [-1, 1]), updates } }));
  });
}
