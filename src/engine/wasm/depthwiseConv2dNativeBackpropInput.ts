import type * as tf from '@tensorflow/tfjs';

import { registerComposed, shaped } from './composed.js';
import { phases } from './phases.js';
import { spread } from './spread.js';

type Inputs = { dy: tf.TensorInfo; filter: tf.TensorInfo };

/**
 * Gives wasm the gradient of a depthwise convolution to its image.
 *
 * A depthwise convolution again, of the outcome's gradient, by the filter turned round, with one output channel for each phase of the stride; where
 * a channel had several outcomes, they are summed.
 */
export function registerDepthwiseConv2dNativeBackpropInput(library: typeof tf): void {
  registerComposed<Inputs, tf.DepthwiseConv2dNativeBackpropInputAttrs>(
    library,
    'DepthwiseConv2dNativeBackpropInput',
    ({ dy, filter }, { run, attrs }) => {
      const { strides, dilations, pad, dimRoundingMode, inputShape } = attrs;
      const wide = spread(run, filter, dilations);
      const info = library.backend_util.computeConv2DInfo(
        inputShape,
        wide.shape as [number, number, number, number],
        strides,
        1,
        pad,
        dimRoundingMode,
        true,
      );
      const by = phases(info);
      const [rows, columns] = by.strides;
      const multiplier = info.outChannels / info.inChannels;
      const image = by.image(run, dy);
      const taps = by.taps(run, wide);
      const turned = shaped(run('Transpose', { x: taps }, { perm: [0, 2, 4, 5, 1, 3] }), [
        taps.shape[0]!,
        taps.shape[2]!,
        info.outChannels,
        rows * columns,
      ]);
      const convolved = run(
        'DepthwiseConv2dNative',
        { x: image.x, filter: turned },
        { strides: 1, dilations: 1, pad: image.pad, dataFormat: 'NHWC' },
      );
      const [batch, height, width] = convolved.shape as [number, number, number];
      const x = shaped(convolved, [batch * height * width, info.inChannels, multiplier, rows, columns]);
      const summed = multiplier === 1 ? x : run('Sum', { x }, { axis: 2, keepDims: false });
      const pixels = shaped(summed, [batch, height, width, info.inChannels, rows, columns]);
      return by.crop(run, run('Transpose', { x: pixels }, { perm: [0, 1, 4, 2, 5, 3] }));
    },
  );
}
