import type * as tf from '@tensorflow/tfjs';

import { registerComposed } from './composed.js';

type Attrs = { begin: number | number[]; size: number | number[] };

/** Makes wasm refuse a slice that goes beyond the tensor; the shipped kernel reads on in memory. */
export function registerSlice(library: typeof tf): void {
  const shipped = library.getKernel('Slice', 'wasm').kernelFunc;
  registerComposed<{ x: tf.TensorInfo }, Attrs>(library, 'Slice', ({ x }, { wasm, attrs }) => {
    const { parseSliceParams, assertParamsValid } = library.slice_util;
    assertParamsValid(
      x as tf.Tensor,
      ...(parseSliceParams(x as tf.Tensor, attrs.begin, attrs.size) as [number[], number[]]),
    );
    return shipped({ inputs: { x }, backend: wasm, attrs }) as tf.TensorInfo;
  });
}
