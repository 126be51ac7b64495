import type { MicroBatchValues } from './events.js';
import { mergeResults } from './mergeResults.js';
import type { Rest } from './noteOf.js';
import type { ReplicaNote } from './replicaNote.js';
import { tensors } from './tensors.js';
import type { GradientStep, MicroBatchResult } from './values.js';

/** One step of all replicas: their mean gradients, and the i-th micro-batches of all as one, each metric reduced as it declares. */
export function mergeNotes(step: Rest, notes: readonly ReplicaNote[], gradients: Float32Array): GradientStep {
  const { tensor1d } = tensors();
  const total = (numbers: readonly number[]): number => numbers.reduce((sum, value) => sum + value, 0);
  const merged = mergeResults(
    notes.map(({ results }) => results),
    step.reducers,
  );
  return {
    ...step,
    gradients: tensor1d(gradients),
    microBatches: merged.map(onDevice),
    weight: total(merged.map(({ weight }) => weight)),
    samples: total(notes.map(({ samples }) => samples)),
    microStep: Math.max(...notes.map(({ microStep }) => microStep)),
    worldSize: notes.length,
  };
}

/** Where nothing has any weight there is no mean. */
function onDevice({ loss, weight, metrics }: MicroBatchValues): MicroBatchResult {
  const { scalar } = tensors();
  const scalars = Object.entries(metrics).map(([name, value]) => [name, scalar(value)] as const);
  return { loss: scalar(weight > 0 ? loss : 0), weight, metrics: Object.fromEntries(scalars) };
}
