import type * as tf from '@tensorflow/tfjs';

import { execute, registerWrapped } from './native.js';
import { registerPadded } from './padded.js';

type Inputs = { x: tf.Tensor; dy: tf.TensorInfo };
type Attrs = Pick<tf.Conv2DBackpropFilterAttrs, 'strides' | 'pad' | 'dimRoundingMode' | 'filterShape'>;

/**
 * Gives the native gradient of a convolution to its filter padding by numbers.
 *
 * Where a filter of one pixel strides over others, it gets an image without them: oneDNN (of TensorFlow 2.21) writes beyond its memory when it is to
 * leave them out, and the process ends sooner or later.
 */
export function registerConv2DBackpropFilter(library: typeof tf): void {
  const describe = (x: tf.TensorInfo, { strides, pad, dimRoundingMode, filterShape }: Attrs) =>
    library.backend_util.computeConv2DInfo(
      x.shape as [number, number, number, number],
      filterShape,
      strides,
      1,
      pad,
      dimRoundingMode,
    );
  registerPadded<Inputs, Attrs>(
    library,
    'Conv2DBackpropFilter',
    ({ inputs: { x }, attrs }) => describe(x, attrs),
    ({ call: { inputs, attrs, backend }, attributes }) =>
      library.tidy(() => {
        const sizes = library.tensor1d(attrs.filterShape, 'int32');
        return execute(backend, 'Conv2DBackpropFilter', attributes, [inputs.x, sizes, inputs.dy]);
      }),
  );
  registerWrapped<Inputs, Attrs>(library, 'Conv2DBackpropFilter', (call, shipped) => {
    const { x, dy } = call.inputs;
    const info = describe(x, call.attrs);
    const steps = [1, info.strideHeight, info.strideWidth, 1];
    const isPoint = info.filterHeight * info.filterWidth === 1 && info.padInfo.top + info.padInfo.left === 0;
    if (!isPoint || steps.every((step) => step === 1)) return shipped(call);
    return library.tidy(() => {
      const met = library.stridedSlice(x, [0, 0, 0, 0], x.shape, steps);
      return shipped({ ...call, inputs: { x: met, dy }, attrs: { ...call.attrs, strides: 1, pad: 'valid' } });
    });
  });
}
