import type * as tf from '@tensorflow/tfjs';

import { registerComposed } from './composed.js';

/** Makes a clone on wasm share its data, as on the other engines; the shipped kernel copies it. */
export function registerIdentity(library: typeof tf): void {
  registerComposed<{ x: tf.TensorInfo }, object>(library, 'Identity', ({ x }, { run }) =>
    run('Reshape', { x }, { shape: x.shape }),
  );
}
