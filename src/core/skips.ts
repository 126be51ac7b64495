import { NonFiniteError } from './errors.js';
import type { StepResult } from './values.js';

/** How many steps of a run have been skipped by now, and how many of them in a row. */
export interface Skips {
  readonly count: number;
  readonly inARow: number;
}

/** None so far. */
export const noSkips: Skips = { count: 0, inARow: 0 };

/** The skips after one more step. Throws if they are as many in a row as the step allows. */
export function skipsNext({ count, inARow }: Skips, { globalStep, giveUpAfter }: StepResult, what?: string): Skips {
  if (!what) return { count, inARow: 0 };
  if (giveUpAfter !== undefined && inARow + 1 >= giveUpAfter) {
    throw new NonFiniteError(
      `skipNonFinite: fewer than ${giveUpAfter} steps in a row must be skipped, received that many at global step ${globalStep} ` +
        `(${count + 1} of the run), the last for its ${what}; lower the learning rate, or clip`,
      what,
      globalStep,
    );
  }
  return { count: count + 1, inARow: inARow + 1 };
}
