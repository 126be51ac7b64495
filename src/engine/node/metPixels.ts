import type * as tf from '@tensorflow/tfjs';

import { registerWrapped } from './native.js';

type Inputs = { x: tf.Tensor; dy: tf.TensorInfo };

/** Attributes of a convolution's gradient to its filter. */
export type FilterGradientAttrs = Pick<
  tf.Conv2DBackpropFilterAttrs,
  'strides' | 'pad' | 'dimRoundingMode' | 'filterShape'
> & { readonly dilations?: number | [number, number] };

/**
 * Where a filter of one pixel strides over others, the gradient to it gets an image without them: oneDNN (of TensorFlow 2.21) writes beyond its memory when
 * it is to leave them out, and the process ends sooner or later.
 */
export function registerMetPixels(
  library: typeof tf,
  kernelName: string,
  describe: (image: tf.TensorInfo, attrs: FilterGradientAttrs) => tf.backend_util.Conv2DInfo | undefined,
): void {
  registerWrapped<Inputs, FilterGradientAttrs>(library, kernelName, (call, shipped) => {
    const { x, dy } = call.inputs;
    const info = describe(x, call.attrs);
    const isPoint = info && info.filterHeight * info.filterWidth === 1 && info.padInfo.top + info.padInfo.left === 0;
    if (!isPoint || info.strideHeight * info.strideWidth === 1) return shipped(call);
    return library.tidy(() => {
      const met = library.stridedSlice(x, [0, 0, 0, 0], x.shape, [1, info.strideHeight, info.strideWidth, 1]);
      return shipped({ ...call, inputs: { x: met, dy }, attrs: { ...call.attrs, strides: 1, pad: 'valid' } });
    });
  });
}
