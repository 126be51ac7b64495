import type * as tf from '@tensorflow/tfjs';

import { countsIn, numbersIn, objectIn } from './heldData.js';
import { holdResults, savedResults } from './heldResults.js';
import { joinVectors, nameVectors } from './namedVectors.js';
import type { Held, Holding, Json } from './snapshot.js';
import type { MicroBatchResult } from './values.js';
import type { WeightSlot } from './weights.js';

/** A window that is being filled, wherever its gradients are summed. */
export interface OpenWindow {
  readonly size: number;
  /** The weight that counts 1 in the sum of the gradients. */
  readonly unit: number;
  readonly weight: number;
  readonly samples: number;
  readonly globalStep: number;
  readonly microBatches: readonly MicroBatchResult[];
}

/** A window and the sum of its gradients as a stage holds them. To be called in a `tidy`. */
export function holdWindow(window: OpenWindow, sum: tf.Tensor1D, slots: readonly WeightSlot[]): Required<Holding> {
  const { size, unit, weight, samples, globalStep, microBatches } = window;
  const { data, tensors } = holdResults(microBatches, '');
  return {
    data: { size, unit, weight, samples, globalStep, microBatches: data } satisfies Record<string, Json>,
    tensors: { ...nameVectors({ sum }, slots), ...tensors },
  };
}

/**
 * The window that was held, and the sum of its gradients; the caller owns both.
 *
 * @param metrics - The run's metrics, of which the window has values.
 * @throws {@link CheckpointError} if it is of another model or of other metrics.
 */
export function restoreWindow(
  { data, arrays = {} }: Held,
  slots: readonly WeightSlot[],
  metrics: Readonly<Record<string, unknown>>,
): { window: OpenWindow; sum: tf.Tensor1D } {
  const counts = countsIn(data, ['size', 'samples', 'globalStep'], 'accumulate');
  const weights = numbersIn(data, ['unit', 'weight'], 'accumulate', (value) => value >= 0);
  const results = savedResults(objectIn(data, 'a window')['microBatches'], '', Object.keys(metrics));
  const total = slots.reduce((sum, slot) => sum + slot.size, 0);
  const scalars = results.wanted.map(({ name }) => [name, SCALAR] as const);
  const like = { sum: { ...SCALAR, shape: [total], rank: 1, size: total }, ...Object.fromEntries(scalars) };
  const { sum, ...tensors } = joinVectors(arrays, like, slots, 'accumulate');
  return { window: { ...counts, ...weights, microBatches: results.restore(tensors) }, sum: sum as tf.Tensor1D };
}

const SCALAR = { shape: [], dtype: 'float32', rank: 0, size: 1 } as const;
