import type * as tf from '@tensorflow/tfjs';

import type { Wasm } from './composed.js';

type Backend = {
  typedArrayFromHeap: (this: Wasm, tensor: tf.TensorInfo) => ReturnType<Wasm['typedArrayFromHeap']>;
  readSync: (this: Wasm, dataId: object, start?: number, end?: number) => tf.backend_util.BackendValues;
};
type Held = { dtype: tf.DataType; shape: number[] };

let done = false;

/** Lets wasm's backend read complex numbers, which it can hold: real and imaginary part by turns. */
export function holdComplex(library: typeof tf, backend: object): void {
  if (done) return;
  done = true;
  const shipped = backend as Backend;
  const { readSync, typedArrayFromHeap } = shipped;
  const asFloats = ({ dataId, shape }: { dataId: object; shape: number[] }): tf.TensorInfo => ({
    dataId,
    shape: [2 * library.util.sizeFromShape(shape)],
    dtype: 'float32',
  });
  shipped.typedArrayFromHeap = function (x) {
    return typedArrayFromHeap.call(this, x.dtype === 'complex64' ? asFloats(x) : x);
  };
  shipped.readSync = function (dataId, start, end) {
    const held = this.dataIdMap.get(dataId) as unknown as Held;
    if (held.dtype !== 'complex64') return readSync.call(this, dataId, start, end);
    const all = this.typedArrayFromHeap({ dataId, shape: held.shape, dtype: 'complex64' });
    return all.slice(2 * (start ?? 0), end === undefined ? undefined : 2 * end);
  };
}
