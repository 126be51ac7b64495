import { mergeNotes } from './mergeNotes.js';
import type { Rest } from './noteOf.js';
import type { ReplicaNote } from './replicaNote.js';
import { RUN } from './run.js';
import type { GradientStep } from './values.js';

/** The step of all replicas. One with fewer micro-batches catches up with the others' counts, and each ends after the step if any was asked to. */
export function jointStep(own: Rest, notes: readonly ReplicaNote[], gradients: Float32Array): GradientStep {
  const step = mergeNotes(own, notes, gradients);
  const { passes, end } = step[RUN] ?? {};
  if (passes) passes.count = step.microStep;
  if (notes.some(({ isAsked }) => isAsked)) end?.({ reason: 'until' });
  return step;
}
