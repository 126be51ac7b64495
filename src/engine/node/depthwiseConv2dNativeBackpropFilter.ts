import type * as tf from '@tensorflow/tfjs';

import { execute } from './native.js';
import { registerPadded } from './padded.js';

type Inputs = { x: tf.TensorInfo; dy: tf.TensorInfo };
type Attrs = tf.DepthwiseConv2dNativeBackpropFilterAttrs;

/** Gives the native gradient of a depthwise convolution to its filter padding by numbers. */
export function registerDepthwiseConv2dNativeBackpropFilter(library: typeof tf): void {
  registerPadded<Inputs, Attrs>(
    library,
    'DepthwiseConv2dNativeBackpropFilter',
    ({ inputs: { x }, attrs: { strides, dilations, pad, dimRoundingMode, filterShape } }) => {
      const shape = x.shape as [number, number, number, number];
      const info = library.backend_util.computeConv2DInfo(
        shape,
        filterShape,
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
        const sizes = library.tensor1d(attrs.filterShape, 'int32');
        return execute(backend, 'DepthwiseConv2dNativeBackpropFilter', attributes, [inputs.x, sizes, inputs.dy]);
      });
    },
  );
}
