import type * as tf from '@tensorflow/tfjs';

import { wrapKernel } from '../wrapKernel.js';

type Constant = 'TF_ATTR_INT' | 'TF_ATTR_STRING' | 'TF_ATTR_TYPE' | 'TF_FLOAT' | 'TF_INT32';
type Attribute = { readonly name: string; readonly type: number; readonly value: Value };
/** Numbers, a name, or a type by its number. */
type Value = readonly number[] | string | number;

/** What of the native backend its kernels work with; its package does not declare it. */
export type Native = tf.KernelBackend & {
  readonly isUsingGpuDevice: boolean;
  readonly binding: { readonly TF_Version: string; getNumOfTensors(): number } & Readonly<Record<Constant, number>>;
  executeSingleOutput(operation: string, attributes: readonly Attribute[], inputs: readonly tf.TensorInfo[]): tf.Tensor;
};

/** One call of a kernel, as its body sees it. */
export interface NativeCall<Inputs, Attrs> {
  readonly inputs: Inputs;
  readonly attrs: Attrs;
  readonly backend: Native;
}

/** Registers a kernel for native TensorFlow that is made of what was there. */
export function registerWrapped<Inputs extends object, Attrs>(
  library: typeof tf,
  kernelName: string,
  body: (
    call: NativeCall<Inputs, Attrs>,
    shipped: (call: NativeCall<Inputs, Attrs>) => tf.Tensor,
  ) => tf.TensorInfo | tf.TensorInfo[],
): void {
  wrapKernel(
    library,
    'tensorflow',
    kernelName,
    (shipped) => (call) =>
      body(call as never, (changed) => {
        const result = shipped!(changed as never) as tf.Tensor | tf.TensorInfo;
        // What has been computed on the cpu engine is no tensor yet.
        return 'rank' in result ? result : library.engine().makeTensorFromTensorInfo(result);
      }),
  );
}

/** Computes one of TensorFlow's operations. */
export function execute(
  backend: Native,
  operation: string,
  attributes: Readonly<Record<string, Value>>,
  inputs: readonly tf.TensorInfo[],
): tf.Tensor {
  const { TF_ATTR_INT, TF_ATTR_STRING, TF_ATTR_TYPE } = backend.binding;
  const typeOf = (value: Value): number =>
    typeof value === 'string' ? TF_ATTR_STRING : typeof value === 'number' ? TF_ATTR_TYPE : TF_ATTR_INT;
  const named = Object.entries(attributes).map(([name, value]) => ({ name, type: typeOf(value), value }));
  return backend.executeSingleOutput(operation, named, inputs);
}
