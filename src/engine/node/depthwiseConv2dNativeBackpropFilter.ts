import type * as tf from '@tensorflow/tfjs';

import { depthwiseInfo } from './depthwiseInfo.js';
import { registerMetPixels, type FilterGradientAttrs } from './metPixels.js';
import { execute } from './native.js';
import { registerPadded } from './padded.js';

type Inputs = { x: tf.TensorInfo; dy: tf.TensorInfo };

/** Gives the native gradient of a depthwise convolution to its filter padding by numbers. */
export function registerDepthwiseConv2dNativeBackpropFilter(library: typeof tf): void {
  const describe = (x: tf.TensorInfo, attrs: FilterGradientAttrs) =>
    depthwiseInfo(library, x.shape, attrs.filterShape, attrs);
  registerPadded<Inputs, FilterGradientAttrs>(
    library,
    'DepthwiseConv2dNativeBackpropFilter',
    ({ inputs: { x }, attrs }) => describe(x, attrs),
    ({ call: { inputs, attrs, backend }, attributes }) =>
      library.tidy(() => {
        const sizes = library.tensor1d(attrs.filterShape, 'int32');
        return execute(backend, 'DepthwiseConv2dNativeBackpropFilter', attributes, [inputs.x, sizes, inputs.dy]);
      }),
  );
  registerMetPixels(library, 'DepthwiseConv2dNativeBackpropFilter', describe);
}
