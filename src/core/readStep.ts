import { defer, finalize, from, map, type Observable } from 'rxjs';

import type { MicroBatchValues } from './events.js';
import { scalarsOf, takeResult } from './readResults.js';
import { tensors } from './tensors.js';
import type { GradientStep } from './values.js';
import { flatten } from './weights.js';

/** A gradient step on the host. */
export interface StepNumbers {
  readonly gradients: Float32Array;
  readonly results: readonly MicroBatchValues[];
  /** The weights that the gradients were computed on, if they were asked for. */
  readonly weights: Float32Array | undefined;
}

/** Reads a step from the device, all of it at once; its tensors stay the caller's. */
export function readStep(step: GradientStep, withWeights: boolean): Observable<StepNumbers> {
  return defer(() => {
    const { concat, read, reshape, tidy } = tensors();
    const scalars = step.microBatches.flatMap(scalarsOf);
    const { variables } = step.weights;
    const packed = tidy(() => {
      const weights = withWeights ? [flatten(variables)] : [];
      return concat([step.gradients, ...scalars.map((scalar) => reshape(scalar, [1])), ...weights]);
    });
    return from(read(packed)).pipe(
      map((values) => {
        const all = values as Float32Array; // of a tensor that nobody else has
        const end = step.gradients.size + scalars.length;
        const numbers = [...all.subarray(step.gradients.size, end)];
        return {
          gradients: all.subarray(0, step.gradients.size),
          results: step.microBatches.map((result) => takeResult(result, numbers)),
          weights: withWeights ? all.subarray(end) : undefined,
        };
      }),
      finalize(() => packed.dispose()),
    );
  });
}
