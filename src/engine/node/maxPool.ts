import type * as tf from '@tensorflow/tfjs';

import { execute } from './native.js';
import { registerPadded } from './padded.js';
import { poolInfo } from './poolInfo.js';

/** Gives native max pooling padding by numbers. */
export function registerMaxPool(library: typeof tf): void {
  registerPadded<{ x: tf.TensorInfo }, tf.MaxPoolAttrs>(
    library,
    'MaxPool',
    ({ inputs, attrs }) => poolInfo(library, inputs.x, attrs),
    ({ call: { inputs, backend }, info: { filterHeight, filterWidth }, attributes }) => {
      return execute(backend, 'MaxPool', { ...attributes, ksize: [1, filterHeight, filterWidth, 1] }, [inputs.x]);
    },
  );
}
