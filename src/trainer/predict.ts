import { finalize, from, map, type Observable } from 'rxjs';
import type * as tf from '@tensorflow/tfjs';

import { disposeTensors, isTensor, type Batch, type NdArray } from '../core/batch.js';
import { predict as apply } from '../core/predict.js';
import { BatchError } from '../core/errors.js';
import { fromPull } from '../core/fromPull.js';
import { waitMap } from '../core/run.js';
import type { EpochSource } from '../core/source.js';
import type { Model } from '../core/model.js';
import { tensors } from '../core/tensors.js';

/**
 * Emits the model's predictions for each batch, as plain arrays, in order.
 *
 * ```text
 * batches asked:  a---b---|
 *                    predict(model, batches)
 * output:         --A---B-|        A = { data, shape: [samples, …] }
 * ```
 *
 * The next batch is asked for when the last has been read. The model is in inference mode and must have one output.
 *
 * **Cost**: one device read a batch. **Ownership**: takes and disposes the batches; what is emitted holds no tensor.
 *
 * @example
 * ```ts
 * predict(model, batches).subscribe(({ data, shape }) => console.log(shape, data));
 * ```
 *
 * Errors with {@link BatchError}, if a batch does not fit or the model has several outputs; with what the source fails with.
 */
export function predict(model: Model, batches: EpochSource<Pick<Batch, 'xs'>>): Observable<NdArray> {
  return fromPull(batches).pipe(
    waitMap((batch, index) => {
      const predictions = predictionsOf(model, batch, index + 1);
      return from(tensors().read(predictions)).pipe(
        map((values) => ({ data: Float32Array.from(values), shape: predictions.shape })),
        finalize(() => predictions.dispose()),
      );
    }),
  );
}

function predictionsOf(model: Model, batch: Pick<Batch, 'xs'>, micro: number): tf.Tensor {
  try {
    return tensors().tidy(() => {
      const predictions = apply(model, batch, false, micro);
      if (isTensor(predictions)) return predictions;
      throw new BatchError(
        'predict: the model must have one output, received several; wrap it in { variables, apply } that picks one',
        micro,
      );
    });
  } finally {
    disposeTensors(batch);
  }
}
