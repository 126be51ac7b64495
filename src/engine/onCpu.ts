import type * as tf from '@tensorflow/tfjs';

import { wrapKernel } from './wrapKernel.js';

/** One call of a kernel. */
export type Call = Parameters<tf.KernelFunc>[0];
/** Which calls a backend's kernel does wrong; nothing for a kernel that is right in all, and is not to be touched. */
export type Unable = (kernelName: string) => ((call: Call, library: typeof tf) => boolean) | undefined;

type Backend = tf.KernelBackend & {
  readSync(dataId: object): tf.backend_util.BackendValues;
  write(values: tf.backend_util.BackendValues, shape: number[], dtype: tf.DataType): object;
};
type Cpu = Backend & {
  makeTensorInfo(shape: number[], dtype: tf.DataType, values: tf.backend_util.BackendValues): tf.TensorInfo;
  disposeData(dataId: object): boolean;
};

/**
 * Makes a backend pass on to the JavaScript of the cpu engine the kernels that it lacks, and the calls that it is `unable` to answer.
 *
 * To be registered last: it wraps what is there by then.
 */
export function registerOnCpu(library: typeof tf, backendName: string, unable: Unable): void {
  for (const { kernelName } of library.getKernelsForBackend('cpu')) {
    const isUnable = unable(kernelName);
    if (!isUnable && library.getKernel(kernelName, backendName)) continue;
    wrapKernel(
      library,
      backendName,
      kernelName,
      (shipped) => (call) => (shipped && !isUnable?.(call, library) ? shipped(call) : onCpu(library, kernelName, call)),
    );
  }
}

/** Computes a kernel in JavaScript; the data is copied there and back. */
export function onCpu(library: typeof tf, kernelName: string, call: Call): tf.TensorInfo | tf.TensorInfo[] {
  const backend = call.backend as Backend;
  const cpu = library.findBackend('cpu') as Cpu;
  const freed: tf.TensorInfo[] = [];
  const compute = (name: string, inputs: object, attrs: object = {}): tf.TensorInfo | tf.TensorInfo[] =>
    library.getKernel(name, 'cpu').kernelFunc({ inputs: inputs as never, backend: cpu, attrs: attrs as never });
  const own = (info: tf.TensorInfo): tf.TensorInfo => {
    freed.push(info);
    return info;
  };
  const enter = ({ dataId, shape, dtype }: tf.TensorInfo): tf.TensorInfo => {
    const values = backend.readSync(dataId);
    // Some kernels ask for the rank, which only tensors have.
    if (dtype !== 'complex64')
      return Object.assign(own(cpu.makeTensorInfo(shape, dtype, values)), { rank: shape.length });
    const parts = library.backend_util.splitRealAndImagArrays(values as Float32Array);
    const real = own(cpu.makeTensorInfo(shape, 'float32', parts.real));
    const imag = own(cpu.makeTensorInfo(shape, 'float32', parts.imag));
    return own(compute('Complex', { real, imag }) as tf.TensorInfo);
  };
  const leave = ({ dataId, shape, dtype }: tf.TensorInfo): tf.TensorInfo => {
    const values = cpu.readSync(dataId);
    const typed =
      dtype === 'string' || dtype === 'complex64'
        ? values
        : library.util.toTypedArray(values as tf.backend_util.TypedArray, dtype);
    return { dataId: backend.write(typed, shape, dtype), shape, dtype };
  };
  try {
    const inputs = throughout(call.inputs as Inputs, enter);
    const results = compute(kernelName, inputs as object, call.attrs ?? {});
    freed.push(...[results].flat());
    return Array.isArray(results) ? results.map(leave) : leave(results);
  } finally {
    freed.forEach(({ dataId }) => cpu.disposeData(dataId));
  }
}

type Inputs = tf.TensorInfo | undefined | readonly Inputs[] | { readonly [name: string]: Inputs };

/** Inputs are tensors by name, and some of them lists of tensors. */
function throughout(inputs: Inputs, enter: (input: tf.TensorInfo) => tf.TensorInfo): unknown {
  if (inputs === undefined) return undefined;
  if (Array.isArray(inputs)) return inputs.map((input: Inputs) => throughout(input, enter));
  if ('dataId' in inputs) return enter(inputs as tf.TensorInfo);
  return Object.fromEntries(Object.entries(inputs).map(([name, input]) => [name, throughout(input as Inputs, enter)]));
}
