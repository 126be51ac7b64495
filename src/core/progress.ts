import { ArgumentError, assertPositiveInteger } from './errors.js';
import { countsIn, numbersIn, objectIn } from './heldData.js';

/** When a metric counts as better than before. */
export interface ProgressOptions {
  /** How many values in a row may be no better; a positive integer. */
  readonly patience: number;
  /** By how much a value must be better than the best to count; at least 0. */
  readonly minDelta?: number;
  /** Whether less or more is better; 'min' for a name that ends with 'loss', to be said for any other. */
  readonly mode?: 'min' | 'max';
}

/** The best value of a metric so far, after which global step it was seen, and how many values in a row have been no better since. */
export interface Progress {
  readonly best: number | null;
  readonly bestStep: number;
  readonly waited: number;
}

/** No value yet. */
export const noProgress: Progress = { best: null, bestStep: 0, waited: 0 };

/** What a stage has saved of its progress. */
export function progressOf(data: unknown, stage: string): Progress {
  const held = objectIn(data, `what ${stage} has saved`);
  const best = held['best'] === null ? null : numbersIn(held, ['best'], stage).best;
  return { best, ...countsIn(held, ['bestStep', 'waited'], stage) };
}

/** Checks the options of `operator`; gives the function that takes a value into account. NaN and Infinity are never better. */
export function progressIn(
  name: string,
  operator: string,
  { patience, minDelta = 0, mode = name.endsWith('loss') ? 'min' : undefined }: ProgressOptions,
): (progress: Progress, value: number, globalStep: number) => Progress {
  assertPositiveInteger(patience, `${operator}: patience`);
  if (!(minDelta >= 0 && minDelta < Infinity))
    throw new ArgumentError(`${operator}: minDelta must be a number of at least 0, received ${minDelta}`);
  if (mode !== 'min' && mode !== 'max')
    throw new ArgumentError(
      `${operator}: mode must be 'min' or 'max' for '${name}', received ${String(mode)}; only of a loss is it known that less is better`,
    );
  const sign = mode === 'min' ? 1 : -1;
  return ({ best, bestStep, waited }, value, globalStep) => {
    const isBetter = Number.isFinite(value) && (best === null || sign * (best - value) > minDelta);
    return isBetter ? { best: value, bestStep: globalStep, waited: 0 } : { best, bestStep, waited: waited + 1 };
  };
}
