import type * as tf from '@tensorflow/tfjs';

import { registerComposed } from './composed.js';

/** Makes wasm's cast give booleans of 0 and 1 only, and the same data where the type stays. */
export function registerCast(library: typeof tf): void {
  const shipped = library.getKernel('Cast', 'wasm').kernelFunc;
  registerComposed<{ x: tf.TensorInfo }, { dtype: tf.DataType }>(
    library,
    'Cast',
    ({ x }, { run, make, wasm, attrs }) => {
      if (x.dtype === attrs.dtype) return run('Identity', { x });
      if (attrs.dtype !== 'bool') return shipped({ inputs: { x }, backend: wasm, attrs }) as tf.TensorInfo;
      const result = make(x.shape, 'bool');
      const [from, to] = [wasm.typedArrayFromHeap(x), wasm.typedArrayFromHeap(result)];
      for (let i = 0; i < from.length; i++) to[i] = from[i] === 0 ? 0 : 1;
      return result;
    },
  );
}
