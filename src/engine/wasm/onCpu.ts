import type * as tf from '@tensorflow/tfjs';

import { agrees, needed } from './fitted.js';
import type { Wasm } from './composed.js';

type Cpu = tf.KernelBackend & {
  makeTensorInfo(shape: number[], dtype: tf.DataType, values: tf.backend_util.BackendValues): tf.TensorInfo;
  disposeData(dataId: object): boolean;
};
type Values = tf.backend_util.TypedArray;

type Call = Parameters<tf.KernelFunc>[0];

/** They look at the data's owners, never at the data. */
const BLIND = new Set(['Identity', 'Reshape']);
const ofNothing = ({ inputs }: Call): boolean => inputs['x']!.shape.includes(0);
const always = (): boolean => true;
/** What else wasm does wrong without a word. */
const UNABLE: Readonly<Record<string, (call: Call, library: typeof tf) => boolean>> = {
  Conv3DBackpropInputV2: always,
  Dilation2D: always,
  Dilation2DBackpropFilter: always,
  Dilation2DBackpropInput: always,
  Bincount: ({ inputs }) => inputs['x']!.shape.length !== 1,
  Fill: ({ attrs }) => typeof attrs!['value'] === 'string',
  Prod: ofNothing,
  Sum: ofNothing,
  AvgPool: isOddPool,
  MaxPool: isOddPool,
};

/**
 * Makes wasm pass on to the JavaScript of the cpu engine what it has no code for: strings, complex numbers, Fourier transforms, ragged tensors.
 *
 * Training has next to none of it; the data is copied there and back. To be registered last: it wraps every kernel that cpu has, too.
 */
export function registerOnCpu(library: typeof tf): void {
  const shipped = new Map(library.getKernelsForBackend('wasm').map((kernel) => [kernel.kernelName, kernel]));
  for (const { kernelName } of library.getKernelsForBackend('cpu')) {
    const kernel = shipped.get(kernelName);
    if (BLIND.has(kernelName)) continue;
    if (kernel) library.unregisterKernel(kernelName, 'wasm');
    library.registerKernel({
      ...kernel,
      kernelName,
      backendName: 'wasm',
      kernelFunc: (call) => {
        const able = kernel && !UNABLE[kernelName]?.(call, library) && !Object.values(call.inputs).some(isForeign);
        return able ? kernel.kernelFunc(call) : onCpu(library, kernelName, call);
      },
    });
  }
}

/** Pools of one pixel are unknown to XNNPACK, and of some it finds another size. */
function isOddPool({ inputs, attrs }: Call, library: typeof tf): boolean {
  const { filterSize, strides, pad, dimRoundingMode } = attrs as unknown as tf.MaxPoolAttrs;
  if ([filterSize].flat().every((size) => size === 1)) return true;
  const shape = inputs['x']!.shape as [number, number, number, number];
  const info = library.backend_util.computePool2DInfo(shape, filterSize, strides, 1, pad, dimRoundingMode);
  return !agrees(info, pad, needed(info));
}

type Inputs = tf.TensorInfo | undefined | readonly Inputs[] | { readonly [name: string]: Inputs };

/** Inputs are tensors by name, and some of them lists of tensors. */
function throughout(inputs: Inputs, enter: (input: tf.TensorInfo) => tf.TensorInfo): unknown {
  if (inputs === undefined) return undefined;
  if (Array.isArray(inputs)) return inputs.map((input: Inputs) => throughout(input, enter));
  if ('dataId' in inputs) return enter(inputs as tf.TensorInfo);
  return Object.fromEntries(Object.entries(inputs).map(([name, input]) => [name, throughout(input as Inputs, enter)]));
}

function isForeign(input: tf.TensorInfo | undefined): boolean {
  return input?.dtype === 'string' || input?.dtype === 'complex64';
}

function onCpu(library: typeof tf, kernelName: string, call: Call): tf.TensorInfo | tf.TensorInfo[] {
  const wasm = call.backend as Wasm & { readSync(dataId: object): tf.backend_util.BackendValues };
  const cpu = library.findBackend('cpu') as Cpu;
  const freed: tf.TensorInfo[] = [];
  const compute = (name: string, inputs: object, attrs: object = {}): tf.TensorInfo | tf.TensorInfo[] =>
    library.getKernel(name, 'cpu').kernelFunc({ inputs: inputs as never, backend: cpu, attrs: attrs as never });
  const own = (info: tf.TensorInfo): tf.TensorInfo => {
    freed.push(info);
    return info;
  };
  const enter = ({ dataId, shape, dtype }: tf.TensorInfo): tf.TensorInfo => {
    const values = wasm.readSync(dataId);
    // Some kernels ask for the rank, which only tensors have.
    if (dtype !== 'complex64')
      return Object.assign(own(cpu.makeTensorInfo(shape, dtype, values)), { rank: shape.length });
    const parts = library.backend_util.splitRealAndImagArrays(values as Float32Array);
    const real = own(cpu.makeTensorInfo(shape, 'float32', parts.real));
    const imag = own(cpu.makeTensorInfo(shape, 'float32', parts.imag));
    return own(compute('Complex', { real, imag }) as tf.TensorInfo);
  };
  const leave = ({ dataId, shape, dtype }: tf.TensorInfo): tf.TensorInfo => {
    const values = cpu.readSync(dataId) as Values;
    const typed = dtype === 'string' || dtype === 'complex64' ? values : library.util.toTypedArray(values, dtype);
    return wasm.makeOutput(shape, dtype, undefined, typed);
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
