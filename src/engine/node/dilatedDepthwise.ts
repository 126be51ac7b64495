import type * as tf from '@tensorflow/tfjs';

import { registerWrapped } from './native.js';

type Inputs = { filter: tf.Tensor4D };
type Attrs = { readonly dilations?: number | [number, number] | null };

const KERNELS = ['DepthwiseConv2dNative', 'FusedDepthwiseConv2D'];

/**
 * Gives native depthwise convolutions filters with holes: by a filter that has zeros there.
 *
 * Only oneDNN computes them otherwise, and TensorFlow may have left that out. It costs products with zero, in evaluation alone: TensorFlow.js has no
 * gradients of them.
 */
export function registerDilatedDepthwise(library: typeof tf): void {
  for (const name of KERNELS)
    registerWrapped<Inputs, Attrs>(library, name, (call, shipped) => {
      const { dilations } = call.attrs;
      const [down, along] = typeof dilations === 'number' ? [dilations, dilations] : (dilations ?? [1, 1]);
      if (down * along === 1) return shipped(call);
      return library.tidy(() => {
        const { filter } = call.inputs;
        const [height, width, ...channels] = filter.shape;
        const zeros = [[0, 0], [0, down - 1], [0, 0], [0, along - 1], [0, 0], [0, 0]] as [number, number][]; // prettier-ignore
        const apart = library.pad(library.reshape(filter, [height, 1, width, 1, ...channels]), zeros);
        const spread = library.reshape<tf.Rank.R4>(apart, [height * down, width * along, ...channels]);
        const lengths = [(height - 1) * down + 1, (width - 1) * along + 1, ...channels] as typeof filter.shape;
        const holed = library.slice(spread, 0, lengths);
        return shipped({ ...call, inputs: { ...call.inputs, filter: holed }, attrs: { ...call.attrs, dilations: 1 } });
      });
    });
}
