import { defer, forkJoin, from, map, of, type Observable } from 'rxjs';

import type { MicroBatchValues } from './events.js';
import { readScalars, scalarsOf, takeResult } from './readResults.js';
import { readWeights } from './readWeights.js';
import { tensors } from './tensors.js';
import type { GradientStep } from './values.js';

/** A gradient step on the host. */
export interface StepNumbers {
  readonly gradients: Float32Array;
  readonly results: readonly MicroBatchValues[];
  /** The weights that the gradients were computed on, if they were asked for. */
  readonly weights: Float32Array | undefined;
}

/** Reads a step from the device; its tensors stay the caller's. */
export function readStep(
  { gradients, microBatches, weights }: GradientStep,
  withWeights: boolean,
): Observable<StepNumbers> {
  return defer(() =>
    forkJoin({
      gradients: from(tensors().read(gradients)),
      numbers: readScalars(microBatches.flatMap(scalarsOf)),
      weights: withWeights ? readWeights(weights.variables) : of(undefined),
    }),
  ).pipe(
    map(({ numbers, ...read }) => ({
      gradients: read.gradients as Float32Array, // one of its own, to be written to
      results: microBatches.map((result) => takeResult(result, numbers)),
      weights: read.weights,
    })),
  );
}
