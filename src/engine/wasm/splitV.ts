import type * as tf from '@tensorflow/tfjs';

type Wasm = {
  makeOutput(shape: number[], dtype: tf.DataType): tf.TensorInfo;
  typedArrayFromHeap(tensor: tf.TensorInfo): Float32Array | Int32Array | Uint8Array;
};

/**
 * Makes wasm cut a vector into pieces in one pass.
 *
 * The shipped kernel copies the whole vector once for each piece; the weights of a deep model are many pieces of one vector.
 */
export function registerSplitV(library: typeof tf): void {
  const shipped = library.getKernel('SplitV', 'wasm');

  library.unregisterKernel('SplitV', 'wasm');
  library.registerKernel({
    ...shipped,
    kernelFunc: (call) => {
      const x = call.inputs['x'] as unknown as tf.TensorInfo;
      const sizes = call.attrs!['numOrSizeSplits'] as number | number[];
      if (x.shape.length !== 1 || !Array.isArray(sizes) || x.dtype === 'string' || sizes.includes(-1))
        return shipped.kernelFunc(call);
      const wasm = call.backend as Wasm;
      let at = 0;
      return sizes.map((size) => {
        const piece = wasm.makeOutput([size], x.dtype);
        // Asked for anew each time: memory that grows moves.
        wasm.typedArrayFromHeap(piece).set(wasm.typedArrayFromHeap(x).subarray(at, at + size));
        at += size;
        return piece;
      });
    },
  });
}
