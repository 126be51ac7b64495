import type * as tf from '@tensorflow/tfjs';

import { needed } from '../margins.js';
import { registerComposed, shaped } from './composed.js';
import { paddedBy } from './paddedBy.js';

type Inputs = { x: tf.TensorInfo; dy: tf.TensorInfo };

/**
 * Gives wasm the gradient of a depthwise convolution to its filter.
 *
 * A depthwise convolution again: of one image with every sample's channels side by side, by the outcome's gradient as filter, strides and dilations
 * exchanged; then the sum over the samples.
 */
export function registerDepthwiseConv2dNativeBackpropFilter(library: typeof tf): void {
  registerComposed<Inputs, tf.DepthwiseConv2dNativeBackpropFilterAttrs>(
    library,
    'DepthwiseConv2dNativeBackpropFilter',
    ({ x, dy }, { run, attrs }) => {
      const { strides, dilations, pad, dimRoundingMode, filterShape } = attrs;
      const info = library.backend_util.computeConv2DInfo(
        x.shape as [number, number, number, number],
        filterShape,
        strides,
        dilations ?? 1,
        pad,
        dimRoundingMode,
        true,
      );
      const { batchSize, inChannels, outChannels, filterHeight, filterWidth } = info;
      const columns = shaped(run('Transpose', { x }, { perm: [1, 2, 0, 3] }), [
        1,
        info.inHeight,
        info.inWidth,
        batchSize * inChannels,
      ]);
      const image = paddedBy(run, columns, ...needed(info));
      const filter = shaped(run('Transpose', { x: dy }, { perm: [1, 2, 0, 3] }), [
        info.outHeight,
        info.outWidth,
        batchSize * inChannels,
        outChannels / inChannels,
      ]);
      const exchanged = {
        strides: [info.dilationHeight, info.dilationWidth],
        dilations: [info.strideHeight, info.strideWidth],
      };
      const result = run('DepthwiseConv2dNative', { x: image.x, filter }, { ...exchanged, pad: image.pad });
      const perSample = shaped(result, [filterHeight * filterWidth, batchSize, outChannels]);
      return shaped(run('Sum', { x: perSample }, { axis: 1, keepDims: false }), filterShape);
    },
  );
}
