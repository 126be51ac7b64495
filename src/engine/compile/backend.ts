import type * as tf from '@tensorflow/tfjs';

/** An attribute of an op, as TensorFlow.js hands it to the binding. */
export interface OpAttr {
  readonly name: string;
  readonly type: number;
  readonly value: unknown;
}

/** A native tensor, as the binding gives it back. */
export interface Output {
  readonly id: number;
  readonly shape: number[];
  readonly dtype: number;
}

/** What the backend knows of one tensor's data; `values` are still on the host, `id` is a native tensor. */
export interface Held {
  readonly shape: readonly number[];
  readonly dtype: number;
  id: number;
  values: tf.backend_util.BackendValues | null;
}

/** The native binding, as far as a compiled step needs it. */
export interface Binding {
  readonly TF_ATTR_STRING: number;
  readonly TF_ATTR_INT: number;
  readonly TF_ATTR_FLOAT: number;
  readonly TF_ATTR_BOOL: number;
  readonly TF_ATTR_TYPE: number;
  readonly TF_ATTR_SHAPE: number;
  readonly TF_FLOAT: number;
  readonly TF_INT32: number;
  /** A native tensor of values on the host, to be deleted. */
  createTensor(shape: readonly number[], dtype: number, values: Float32Array | Int32Array): number;
  deleteTensor(id: number): void;
  loadSavedModel(folder: string, tags: string): number;
  deleteSavedModel(id: number): void;
  /** Names are joined by commas: 'x:0,y:0'. */
  runSavedModel(id: number, inputs: readonly number[], inputNames: string, outputNames: string): Output[];
}

type Execute<R> = (op: string, attrs: readonly OpAttr[] | null, inputs: readonly tf.Tensor[], outputs: number) => R;

/** TensorFlow.js's backend over native TensorFlow: every op of it goes through the two `execute…` functions. */
export interface Backend extends Omit<tf.KernelBackend, 'readSync' | 'write'> {
  readonly binding: Binding;
  readonly isUsingGpuDevice: boolean;
  readonly tensorMap: { get(dataId: object): Held; has(dataId: object): boolean };
  executeSingleOutput: Execute<tf.Tensor>;
  executeMultipleOutputs: Execute<tf.Tensor[]>;
  createOutputTensor(output: Output): tf.Tensor;
  getInputTensorIds(inputs: readonly tf.TensorInfo[]): number[];
  write(values: tf.backend_util.TypedArray, shape: readonly number[], dtype: tf.DataType): object;
  readSync: (dataId: object) => tf.backend_util.BackendValues;
}
