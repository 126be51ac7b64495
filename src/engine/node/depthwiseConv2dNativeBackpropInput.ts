import type * as tf from '@tensorflow/tfjs';

import { execute } from './native.js';
import { registerPadded } from './padded.js';

type Inputs = { dy: tf.TensorInfo; filter: tf.TensorInfo };
type Attrs = tf.DepthwiseConv2dNativeBackpropInputAttrs;

/** Gives the native gradient of a depthwise convolution to its image padding by numbers. */
export function registerDepthwiseConv2dNativeBackpropInput(library: typeof tf): void {
  registerPadded<Inputs, Attrs>(
    library,
    'DepthwiseConv2dNativeBackpropInput',
    ({ inputs: { filter }, attrs: { strides, dilations, pad, dimRoundingMode, inputShape } }) => {
      const shape = filter.shape as [number, number, number, number];
      const info = library.backend_util.computeConv2DInfo(
        inputShape,
        shape,
        strides,
        dilations,
        pad,
        dimRoundingMode,
        true,
      );
      return info.strideHeight === info.strideWidth ? info : undefined; // TensorFlow refuses it, but for oneDNN
    },
    ({ call: { inputs, attrs, backend }, attributes }) => {
      return library.tidy(() => {
        const sizes = library.tensor1d(attrs.inputShape, 'int32');
        return execute(backend, 'DepthwiseConv2dNativeBackpropInput', attributes, [sizes, inputs.filter, inputs.dy]);
      });
    },
  );
}
