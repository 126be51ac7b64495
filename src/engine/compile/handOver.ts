import type * as tf from '@tensorflow/tfjs';

import { isTensor, valuesOf, type Batch, type BatchValue } from '../../core/batch.js';
import { sharesOf } from '../../core/reduceSamples.js';
import type { Backend } from './backend.js';

/** A batch as it is fed to a graph. */
export interface HandedOver {
  /** In order: inputs, labels, and the samples' shares if the batch weighs them. */
  readonly tensors: readonly tf.TensorInfo[];
  /** Gives back what was on the host before. */
  free(): void;
}

/** Hands a batch to the backend without making tensors of TensorFlow.js's of it, which takes as long as a small model's step. */
export function handOver(library: typeof tf, batch: Batch): HandedOver {
  const backend = library.backend() as unknown as Backend;
  const made: object[] = [];
  const put = (value: BatchValue): tf.TensorInfo => {
    if (isTensor(value)) return value;
    const shape = [...value.shape];
    if (shape.reduce((size, length) => size * length, 1) !== value.data.length)
      return library.tensor(value.data, shape); // which says what is wrong
    const dtype = value.data instanceof Float32Array ? 'float32' : 'int32';
    const data = value.data instanceof Uint8Array ? Int32Array.from(value.data) : value.data;
    const dataId = backend.write(data, shape, dtype);
    made.push(dataId);
    return { dataId, shape, dtype };
  };
  const shares = sharesOf(batch);
  try {
    const values = [...valuesOf(batch.xs), ...valuesOf(batch.ys)];
    return { tensors: [...values, ...(shares ? [{ data: shares, shape: [shares.length] }] : [])].map(put), free };
  } catch (error) {
    free();
    throw error;
  }

  function free(): void {
    for (const dataId of made) backend.disposeData(dataId);
  }
}
