import type * as tf from '@tensorflow/tfjs';

import { execute } from './native.js';
import { registerPadded } from './padded.js';

type Inputs = { dy: tf.TensorInfo; filter: tf.TensorInfo };
type Attrs = Pick<tf.Conv2DBackpropInputAttrs, 'strides' | 'pad' | 'dimRoundingMode' | 'inputShape'>;

/** Gives the native gradient of a convolution to its image padding by numbers; it is the value of a transposed convolution, too. */
export function registerConv2DBackpropInput(library: typeof tf): void {
  registerPadded<Inputs, Attrs>(
    library,
    'Conv2DBackpropInput',
    ({ inputs: { filter }, attrs: { strides, pad, dimRoundingMode, inputShape } }) => {
      const shape = filter.shape as [number, number, number, number];
      return library.backend_util.computeConv2DInfo(inputShape, shape, strides, 1, pad, dimRoundingMode);
    },
    ({ call: { inputs, attrs, backend }, attributes }) =>
      library.tidy(() => {
        const sizes = library.tensor1d(attrs.inputShape, 'int32');
        return execute(backend, 'Conv2DBackpropInput', attributes, [sizes, inputs.filter, inputs.dy]);
      }),
  );
}
