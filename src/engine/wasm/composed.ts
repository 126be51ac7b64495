import type * as tf from '@tensorflow/tfjs';

/** What of the wasm backend its kernels work with; TensorFlow.js does not declare it. */
export type Wasm = tf.KernelBackend & {
  readonly wasm: {
    cwrap(name: string, result: null, parameters: string[]): (...values: unknown[]) => void;
    readonly tfjs: { disposeData(id: number): void };
  };
  readonly dataIdMap: {
    get(dataId: object): { id: number; memoryOffset: number; shape: number[] };
    delete(dataId: object): boolean;
  };
  makeOutput(
    shape: number[],
    dtype: tf.DataType,
    memoryOffset?: number,
    values?: tf.backend_util.BackendValues,
  ): tf.TensorInfo;
  typedArrayFromHeap(tensor: tf.TensorInfo): Float32Array | Int32Array | Uint8Array;
  disposeData(dataId: object): boolean;
};

type Inputs = Record<string, tf.TensorInfo>;

/** Runs one of wasm's kernels; what it gives is freed when the kernel made of it returns. */
export type Run = (kernel: string, inputs: Inputs | tf.TensorInfo[], attrs?: object) => tf.TensorInfo;

/** One call of a kernel, as its body sees it. */
export interface Call<Attrs> {
  readonly run: Run;
  /** Memory for a result or for what leads to it, with anything in it. */
  make(this: void, shape: number[], dtype?: tf.DataType): tf.TensorInfo;
  /** Frees what came from elsewhere along with the rest. */
  own(this: void, made: tf.TensorInfo): tf.TensorInfo;
  readonly wasm: Wasm;
  readonly attrs: Attrs;
}

/** Computes a kernel's result of its inputs. */
type Body<In, Attrs> = (inputs: In, call: Call<Attrs>) => tf.TensorInfo;

/**
 * Registers a kernel for wasm that is made of others.
 *
 * Whatever `body` makes by `run` and `make` is disposed but for what it returns.
 */
export function registerComposed<In extends object, Attrs>(
  library: typeof tf,
  kernelName: string,
  body: Body<In, Attrs>,
): void {
  const shipped = library.getKernel(kernelName, 'wasm');
  if (shipped) library.unregisterKernel(kernelName, 'wasm');
  library.registerKernel({
    ...shipped, // its setup binds the compiled function, which others may still call
    kernelName,
    backendName: 'wasm',
    kernelFunc: ({ inputs, backend, attrs }) => {
      const wasm = backend as Wasm;
      const made: tf.TensorInfo[] = [];
      const own = (result: tf.TensorInfo): tf.TensorInfo => {
        made.push(result);
        return result;
      };
      const run: Run = (name, given, options = {}) => {
        const { kernelFunc } = library.getKernel(name, 'wasm');
        return own(kernelFunc({ inputs: given as never, backend, attrs: options as never }) as tf.TensorInfo);
      };
      const make: Call<Attrs>['make'] = (shape, dtype = 'float32') => own(wasm.makeOutput(shape, dtype));
      try {
        const result = body(inputs as unknown as In, { run, make, own, wasm, attrs: attrs as Attrs });
        const kept = made.findIndex(({ dataId }) => dataId === result.dataId);
        if (kept >= 0) made.splice(kept, 1);
        return result;
      } finally {
        made.forEach(({ dataId }) => wasm.disposeData(dataId));
      }
    },
  });
}

/** The same data in another shape, for a kernel that is about to read it; nobody has to free it. */
export function shaped({ dataId, dtype }: tf.TensorInfo, shape: number[]): tf.TensorInfo {
  return { dataId, dtype, shape };
}
