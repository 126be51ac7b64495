import type * as tf from '@tensorflow/tfjs';

import { registerMetPixels, type FilterGradientAttrs } from './metPixels.js';
import { execute } from './native.js';
import { registerPadded } from './padded.js';

type Inputs = { x: tf.Tensor; dy: tf.TensorInfo };

/** Gives the native gradient of a convolution to its filter padding by numbers. */
export function registerConv2DBackpropFilter(library: typeof tf): void {
  const describe = (x: tf.TensorInfo, { strides, pad, dimRoundingMode, filterShape }: FilterGradientAttrs) =>
    library.backend_util.computeConv2DInfo(
      x.shape as [number, number, number, number],
      filterShape,
      strides,
      1,
      pad,
      dimRoundingMode,
    );
  registerPadded<Inputs, FilterGradientAttrs>(
    library,
    'Conv2DBackpropFilter',
    ({ inputs: { x }, attrs }) => describe(x, attrs),
    ({ call: { inputs, attrs, backend }, attributes }) =>
      library.tidy(() => {
        const sizes = library.tensor1d(attrs.filterShape, 'int32');
        return execute(backend, 'Conv2DBackpropFilter', attributes, [inputs.x, sizes, inputs.dy]);
      }),
  );
  registerMetPixels(library, 'Conv2DBackpropFilter', describe);
}
