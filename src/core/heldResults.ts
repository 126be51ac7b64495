import type * as tf from '@tensorflow/tfjs';

import type { Holding, Json } from './snapshot.js';
import type { MicroBatchResult } from './values.js';

/** What of a micro-batch's result is no tensor. */
interface Entry {
  readonly weight: number;
  readonly metrics: readonly string[];
}

/** The results of micro-batches as a stage holds them; the tensors' names begin with `prefix`. */
export function holdResults(results: readonly MicroBatchResult[], prefix: string): Required<Holding> {
  const tensors: Record<string, tf.Tensor> = {};
  results.forEach(({ loss, metrics }, i) => {
    tensors[`${prefix}${i}/loss`] = loss;
    for (const [name, value] of Object.entries(metrics)) tensors[`${prefix}${i}/metrics/${name}`] = value;
  });
  const data: Entry[] = results.map(({ weight, metrics }) => ({ weight, metrics: Object.keys(metrics) }));
  return { data: data as unknown as Json, tensors };
}

/** The same results again, of the tensors that have been saved. */
export function restoreResults(
  data: Json,
  tensors: Readonly<Record<string, tf.Tensor>>,
  prefix: string,
): MicroBatchResult[] {
  return (data as unknown as readonly Entry[]).map(({ weight, metrics }, i) => ({
    weight,
    loss: tensors[`${prefix}${i}/loss`] as tf.Scalar,
    metrics: Object.fromEntries(metrics.map((name) => [name, tensors[`${prefix}${i}/metrics/${name}`] as tf.Scalar])),
  }));
}
