import type * as tf from '@tensorflow/tfjs';

import { registerWrapped } from './native.js';

type Four = [number, number, number, number];
type Inputs = Record<string, tf.Tensor | undefined>;
type Attrs = { dataFormat?: 'NHWC' | 'NCHW'; pad: unknown; inputShape?: Four };

const LAST = [0, 2, 3, 1];
const FIRST = [0, 3, 1, 2];
/** Which convolutions there are, and whether their results are images. */
const KERNELS = { Conv2D: true, FusedConv2D: true, Conv2DBackpropInput: true, Conv2DBackpropFilter: false };

/**
 * Makes native convolutions take images with channels first (NCHW), by transposing them.
 *
 * The shipped kernels do so by TensorFlow's leave: not with strides, not fused, and on the CPU only where oneDNN computes.
 */
export function registerChannelsFirst(library: typeof tf): void {
  for (const [name, isImage] of Object.entries(KERNELS))
    registerWrapped<Inputs, Attrs>(library, name, (call, shipped) => {
      const { dataFormat, pad, inputShape } = call.attrs;
      if (dataFormat !== 'NCHW') return shipped(call);
      return library.tidy(() => {
        // Biases and the like may have the shape of one image.
        const last = (key: string, x: tf.Tensor | undefined): tf.Tensor | undefined =>
          key === 'filter' || !x || x.rank < 3 ? x : library.transpose(x, x.rank === 3 ? [1, 2, 0] : LAST);
        const inputs = Object.fromEntries(Object.entries(call.inputs).map(([key, x]) => [key, last(key, x)]));
        const attrs = {
          ...call.attrs,
          dataFormat: 'NHWC' as const,
          pad: Array.isArray(pad) ? LAST.map((axis) => pad[axis] as number[]) : pad,
          ...(inputShape && { inputShape: LAST.map((axis) => inputShape[axis]!) as Four }),
        };
        const result = shipped({ ...call, inputs, attrs });
        return isImage ? library.transpose(result, FIRST) : result;
      });
    });
}
