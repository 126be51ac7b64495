import type * as tf from '@tensorflow/tfjs';

import { isTensor, valuesOf, type Batch, type BatchValue, type BatchValues } from '../../core/batch.js';
import { upload } from '../../core/predict.js';
import { SHARES, sharesOf, type SharedBatch } from '../../core/reduceSamples.js';

/** A batch's tensors in order. Those that were on the host have been copied; `made` are to be disposed. */
export interface Fed {
  /** As it came. */
  readonly given: Batch;
  readonly batch: SharedBatch;
  readonly tensors: readonly tf.Tensor[];
  readonly made: readonly tf.Tensor[];
}

/** Copies what a batch has on the host to tensors. */
export function feed(library: typeof tf, batch: Batch): Fed {
  const there = new Set<unknown>(fedValues(batch).filter(isTensor));
  const shares = sharesOf(batch);
  const { xs, ys, weighing } = library.tidy(() => ({
    xs: upload(batch.xs),
    ys: upload(batch.ys),
    weighing: shares ? [library.tensor1d(shares)] : [],
  }));
  const values = [...valuesOf(xs as BatchValues), ...valuesOf(ys as BatchValues)] as tf.Tensor[];
  const tensors = [...values, ...weighing];
  return {
    given: batch,
    batch: { ...batch, xs, ys, ...(weighing[0] && { [SHARES]: weighing[0] }) },
    tensors,
    made: tensors.filter((tensor) => !there.has(tensor)),
  };
}

/** A batch's values in the order in which they are fed: inputs, labels, and the samples' shares if the batch weighs them. */
export function fedValues(batch: Batch): BatchValue[] {
  const shares = sharesOf(batch);
  const values = [...valuesOf(batch.xs), ...valuesOf(batch.ys)];
  return shares ? [...values, { data: shares, shape: [shares.length] }] : values;
}
