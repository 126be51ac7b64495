import type * as tf from '@tensorflow/tfjs';

import { depthwiseInfo } from './depthwiseInfo.js';
import { execute } from './native.js';
import { registerPadded } from './padded.js';

type Inputs = { dy: tf.TensorInfo; filter: tf.TensorInfo };
type Attrs = tf.DepthwiseConv2dNativeBackpropInputAttrs;

/** Gives the native gradient of a depthwise convolution to its image padding by numbers. */
export function registerDepthwiseConv2dNativeBackpropInput(library: typeof tf): void {
  registerPadded<Inputs, Attrs>(
    library,
    'DepthwiseConv2dNativeBackpropInput',
    ({ inputs: { filter }, attrs }) => depthwiseInfo(library, attrs.inputShape, filter.shape, attrs),
    ({ call: { inputs, attrs, backend }, attributes }) => {
      return library.tidy(() => {
        const sizes = library.tensor1d(attrs.inputShape, 'int32');
        return execute(backend, 'DepthwiseConv2dNativeBackpropInput', attributes, [sizes, inputs.filter, inputs.dy]);
      });
    },
  );
}
