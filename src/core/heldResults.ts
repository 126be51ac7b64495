import type * as tf from '@tensorflow/tfjs';

import { CheckpointError } from './errors.js';
import { numbersIn } from './heldData.js';
import type { Wanted } from './matchArrays.js';
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

/** Results that have been saved, until their tensors are there. */
export interface SavedResults {
  /** What their tensors must be. */
  readonly wanted: readonly Wanted[];
  /** The results again, of those tensors. */
  readonly restore: (tensors: Readonly<Record<string, tf.Tensor>>) => MicroBatchResult[];
}

/**
 * What results have been saved.
 *
 * @param metrics - The names of the run's metrics.
 * @throws {@link CheckpointError} if it is no such thing, or they are of other metrics.
 */
export function savedResults(data: unknown, prefix: string, metrics: readonly string[]): SavedResults {
  if (!Array.isArray(data)) throw new CheckpointError(`a checkpoint must list micro-batches, it has ${typeof data}`);
  const entries = data.map((entry: unknown): Entry => {
    const { weight } = numbersIn(entry, ['weight'], 'a micro-batch', (value) => value >= 0);
    const saved: unknown = (entry as Partial<Entry>).metrics;
    const names = Array.isArray(saved) ? saved.map(String) : [];
    if ([...names].sort().join() !== [...metrics].sort().join())
      throw new CheckpointError(
        `the metrics of a window that is half filled must stay, it was saved with [${names.join(', ')}], the run has [${metrics.join(', ')}]`,
      );
    return { weight, metrics: names };
  });
  const lossOf = (i: number): string => `${prefix}${i}/loss`;
  const metricOf = (i: number, name: string): string => `${prefix}${i}/metrics/${name}`;
  const names = entries.flatMap((entry, i) => [lossOf(i), ...entry.metrics.map((name) => metricOf(i, name))]);
  return {
    wanted: names.map((name) => ({ name, shape: [], dtype: 'float32' })),
    restore: (tensors) =>
      entries.map((entry, i) => ({
        weight: entry.weight,
        loss: tensors[lossOf(i)] as tf.Scalar,
        metrics: Object.fromEntries(entry.metrics.map((name) => [name, tensors[metricOf(i, name)] as tf.Scalar])),
      })),
  };
}
