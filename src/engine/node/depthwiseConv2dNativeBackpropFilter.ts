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
      return library.backend_util.computeConv2DInfo(shape, filterShape, strides, dilations, pad, dimRoundingMode, true);
    },
    ({ call: { inputs, attrs, backend }, info, attributes }) => {
      if (info.strideHeight !== info.strideWidth) return undefined; // TensorFlow refuses it
      return library.tidy(() => {
        const sizes = library.tensor1d(attrs.filterShape, 'int32');
        return execute(backend, 'DepthwiseConv2dNativeBackpropFilter', attributes, [inputs.x, sizes, inputs.dy]);
      });
    },
  );
}
