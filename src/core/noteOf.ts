import type { StepNumbers } from './readStep.js';
import { printsOf } from './printsOf.js';
import { fingerprint, STANDS, type ReplicaNote } from './replicaNote.js';
import type { GradientStep } from './values.js';

/** A step without what is reduced. */
export type Rest = Omit<GradientStep, 'gradients' | 'microBatches'>;

/** What a replica has to say of its newest step, or without any. */
export function noteOf(
  stands: ReplicaNote['stands'],
  step: Rest | undefined,
  { results, weights }: Omit<StepNumbers, 'gradients'> = { results: [], weights: undefined },
): ReplicaNote {
  if (!step)
    return {
      stands,
      isAsked: false,
      globalStep: 0,
      microStep: 0,
      epoch: 0,
      samples: 0,
      prints: [NaN, NaN, NaN, NaN],
      results,
    };
  const { globalStep, microStep, epoch } = step;
  return {
    stands,
    isAsked: false,
    globalStep,
    microStep,
    epoch,
    samples: stands === STANDS.step ? step.samples : 0,
    prints: [...printsOf(step.weights.slots, step.reducers), weights ? fingerprint(weights) : NaN],
    results,
  };
}
