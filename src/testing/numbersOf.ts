import { concatMap, finalize, from, map, type OperatorFunction } from 'rxjs';

import { disposeTensors, isTensor } from '../core/batch.js';
import { tensors } from '../core/tensors.js';
import type { GradientStep, MicroStep, StepResult } from '../core/values.js';

/** What a step says, without its tensors. */
export interface StepNumbers {
  readonly losses: number[];
  readonly gradients?: number[];
  readonly weight: number;
  readonly globalStep: number;
}

/**
 * Turns each step into plain numbers that a test can compare, and disposes its tensors.
 *
 * Losses are those of its micro-batches; a result of `optimizerStep` has no gradients any more. Numbers are rounded to 6 digits.
 *
 * @example
 * ```ts
 * m.expect(source.pipe(accumulate(2), numbersOf())).toBeObservable('-----x--|', { x: { losses: [0, 0], gradients: [2], weight: 2, globalStep: 0 } });
 * ```
 */
export function numbersOf<T extends MicroStep | GradientStep | StepResult>(): OperatorFunction<T, StepNumbers> {
  return concatMap((step) => {
    const { concat, reshape, tidy } = tensors();
    const losses = 'microBatches' in step ? step.microBatches.map(({ loss }) => loss) : [step.loss];
    const gradients = 'gradients' in step && isTensor(step.gradients) ? [step.gradients] : [];
    const packed = tidy(() => concat([...losses, ...gradients].map((tensor) => reshape(tensor, [-1]))));
    return from(tensors().read(packed)).pipe(
      map((values): StepNumbers => {
        const numbers = Array.from(values, (value) => Number(value.toPrecision(6)));
        return {
          losses: numbers.slice(0, losses.length),
          ...(gradients.length > 0 && { gradients: numbers.slice(losses.length) }),
          weight: step.weight,
          globalStep: step.globalStep,
        };
      }),
      finalize(() => disposeTensors([packed, step])),
    );
  });
}
