import type * as tf from '@tensorflow/tfjs';

import { registerComposed } from './composed.js';

type Four = [number, number, number, number];
type Attrs = { dataFormat?: 'NHWC' | 'NCHW'; pad: unknown; inputShape?: Four };

const LAST = [0, 2, 3, 1];
const FIRST = [0, 3, 1, 2];
/** Which inputs of each are images, and whether its result is. */
const KERNELS: Readonly<Record<string, { images: readonly string[]; result: boolean }>> = {
  Conv2D: { images: ['x'], result: true },
  Conv2DBackpropInput: { images: ['dy'], result: true },
  Conv2DBackpropFilter: { images: ['x', 'dy'], result: false },
};

/** Makes wasm's convolutions take images with channels first (NCHW), by transposing them. */
export function registerChannelsFirst(library: typeof tf): void {
  for (const [name, { images, result }] of Object.entries(KERNELS)) {
    const { kernelFunc } = library.getKernel(name, 'wasm');
    registerComposed<Record<string, tf.TensorInfo>, Attrs>(library, name, (inputs, { run, own, wasm, attrs }) => {
      const { dataFormat, pad, inputShape } = attrs;
      if (dataFormat !== 'NCHW') return kernelFunc({ inputs, backend: wasm, attrs: attrs as never }) as tf.TensorInfo;
      const turned = Object.entries(inputs).map(([key, x]) => [
        key,
        images.includes(key) ? run('Transpose', { x }, { perm: LAST }) : x,
      ]);
      const shape = inputShape && (LAST.map((axis) => inputShape[axis]!) as Four);
      const x = own(
        kernelFunc({
          inputs: Object.fromEntries(turned) as typeof inputs,
          backend: wasm,
          attrs: {
            ...attrs,
            dataFormat: 'NHWC',
            pad: Array.isArray(pad) ? LAST.map((axis) => pad[axis] as number[]) : pad,
            inputShape: shape,
          } as never,
        }) as tf.TensorInfo,
      );
      return result ? run('Transpose', { x }, { perm: FIRST }) : x;
    });
  }
}
