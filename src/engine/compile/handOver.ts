import type * as tf from '@tensorflow/tfjs';

import { isTensor, type BatchValue, type NdArray } from '../../core/batch.js';
import type { Backend } from './backend.js';

/** What is fed to a graph, as native tensors. */
export interface HandedOver {
  /** By number, in order. */
  readonly ids: readonly number[];
  /** Deletes those that were made. */
  free(): void;
}

/** Hands values to the binding without making tensors of TensorFlow.js's of them, which takes as long as a small model's step. */
export function handOver(library: typeof tf, values: readonly BatchValue[]): HandedOver {
  const backend = library.backend() as unknown as Backend;
  const { binding } = backend;
  const made: number[] = [];
  const put = ({ data, shape }: NdArray): number => {
    if (shape.reduce((size, length) => size * length, 1) !== data.length) library.tensor(data, [...shape]); // which says what is wrong
    const values = data instanceof Uint8Array ? Int32Array.from(data) : data;
    const id = binding.createTensor(
      shape,
      values instanceof Float32Array ? binding.TF_FLOAT : binding.TF_INT32,
      values,
    );
    made.push(id);
    return id;
  };
  const free = (): void => made.forEach((id) => binding.deleteTensor(id));
  try {
    return {
      ids: values.map((value) => (isTensor(value) ? backend.getInputTensorIds([value])[0]! : put(value))),
      free,
    };
  } catch (error) {
    free();
    throw error;
  }
}
