import type * as tf from '@tensorflow/tfjs';

import type { NdArray } from './batch.js';

/** What a loss or a metric is given as labels and as predictions. */
export type LabelValues = tf.Tensor | tf.Tensor[] | tf.NamedTensorMap;

/**
 * A loss: labels and predictions in, one value per sample (or one scalar) out.
 *
 * Values per sample are reduced by the batch's weight; a scalar is taken as it stands.
 */
export interface LossFunction {
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- a loss may be written for one tensor or for several
  (labels: any, predictions: any): tf.Tensor;
  /** Says what is wrong with labels that are still on the host, where looking at them costs no device read. */
  readonly checkLabels?: (labels: NdArray, predictionShape: readonly number[]) => string | undefined;
}
