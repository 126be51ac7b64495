import type * as tf from '@tensorflow/tfjs';

import { execute } from './native.js';
import { registerPadded } from './padded.js';
import { poolInfo } from './poolInfo.js';

type Inputs = { dy: tf.TensorInfo; input: tf.TensorInfo; output: tf.TensorInfo };

/** Gives the native gradient of max pooling padding by numbers. */
export function registerMaxPoolGrad(library: typeof tf): void {
  registerPadded<Inputs, tf.MaxPoolGradAttrs>(
    library,
    'MaxPoolGrad',
    ({ inputs, attrs }) => poolInfo(library, inputs.input, attrs),
    ({ call: { inputs, backend }, info: { filterHeight, filterWidth }, attributes }) => {
      const { input, output, dy } = inputs;
      return execute(backend, 'MaxPoolGrad', { ...attributes, ksize: [1, filterHeight, filterWidth, 1] }, [
        input,
        output,
        dy,
      ]);
    },
  );
}
