import type * as tf from '@tensorflow/tfjs';

import { depthwiseInfo } from './depthwiseInfo.js';
import { registerPadded } from './padded.js';

type Four = [number, number, number, number];
type Inputs = { x: tf.TensorInfo; filter: tf.TensorInfo };
type Attrs = Pick<tf.Conv2DAttrs, 'strides' | 'pad' | 'dimRoundingMode'> & {
  dilations?: number | [number, number] | null;
};

/** Which of them are depthwise. */
const KERNELS = { Conv2D: false, FusedConv2D: false, DepthwiseConv2dNative: true, FusedDepthwiseConv2D: true };

/** Gives native convolutions the same margin on all sides, and outcomes whose sizes are rounded up: by margins that they know already. */
export function registerConvolutions(library: typeof tf): void {
  for (const [name, depthwise] of Object.entries(KERNELS))
    registerPadded<Inputs, Attrs>(
      library,
      name,
      ({ inputs: { x, filter }, attrs }) => {
        const { strides, dilations, pad, dimRoundingMode } = attrs;
        const info = depthwise
          ? depthwiseInfo(library, x.shape, filter.shape, attrs)
          : library.backend_util.computeConv2DInfo(
              x.shape as Four,
              filter.shape as Four,
              strides,
              dilations ?? 1, // layers pass null
              pad,
              dimRoundingMode,
            );
        return info && leavesHoles(info) ? undefined : info;
      },
      ({ call, margins: [rows, columns], shipped }) => {
        const pad = [[0, 0], rows, columns, [0, 0]] as unknown as tf.backend_util.ExplicitPadding;
        const { dimRoundingMode: _, ...attrs } = call.attrs;
        return shipped({ ...call, attrs: { ...attrs, pad } });
      },
    );
}

/** Where one channel becomes one column, oneDNN (of TensorFlow 2.21) takes the stride along it for one down it, and leaves pixels unwritten. */
function leavesHoles({ inChannels, outHeight, outWidth, strideWidth }: tf.backend_util.Conv2DInfo): boolean {
  return inChannels === 1 && outHeight > 1 && outWidth === 1 && strideWidth > 1;
}
