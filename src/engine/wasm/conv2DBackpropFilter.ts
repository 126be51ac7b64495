import type * as tf from '@tensorflow/tfjs';

import { needed } from '../margins.js';
import { registerComposed } from './composed.js';
import { paddedBy } from './paddedBy.js';

type Inputs = { x: tf.TensorInfo; dy: tf.TensorInfo };
type Attrs = Pick<tf.Conv2DBackpropFilterAttrs, 'strides' | 'pad' | 'dataFormat' | 'dimRoundingMode' | 'filterShape'>;

/**
 * Gives wasm the gradient of a convolution to its filter.
 *
 * It is a convolution itself: over the image, with the batch in the place of the channels, by the outcome's gradient as filter; strides become
 * dilations. So it runs on XNNPACK.
 */
export function registerConv2DBackpropFilter(library: typeof tf): void {
  registerComposed<Inputs, Attrs>(library, 'Conv2DBackpropFilter', ({ x, dy }, { run, attrs }) => {
    const { strides, pad, dimRoundingMode, filterShape } = attrs;
    const info = library.backend_util.computeConv2DInfo(
      x.shape as [number, number, number, number],
      filterShape,
      strides,
      1,
      pad,
      dimRoundingMode,
    );
    const image = paddedBy(run, run('Transpose', { x }, { perm: [3, 1, 2, 0] }), ...needed(info));
    const filter = run('Transpose', { x: dy }, { perm: [1, 2, 0, 3] });
    const dilations = [info.strideHeight, info.strideWidth];
    const result = run('Conv2D', { x: image.x, filter }, { strides: 1, dilations, pad: image.pad, dataFormat: 'NHWC' });
    return run('Transpose', { x: result }, { perm: [1, 2, 0, 3] });
  });
}
