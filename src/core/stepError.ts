import {
  ArgumentError,
  BatchError,
  CheckpointError,
  CompileError,
  EngineError,
  LossError,
  messageOf,
  MetricError,
  ModelError,
  StaleGradientError,
} from './errors.js';
import { OutOfMemoryError } from './outOfMemory.js';

/** What somebody else's code or the device threw (out of memory, a broken optimizer), and where: the step that was to be made, and the pass. */
export class StepError extends Error {
  override readonly name = 'StepError';

  constructor(
    readonly stage: string,
    readonly globalStep: number,
    readonly microStep: number,
    cause: unknown,
  ) {
    super(`${stage}: failed at global step ${globalStep}, micro-step ${microStep}: ${messageOf(cause)}`, { cause });
  }
}

const OWN = [
  ArgumentError,
  EngineError,
  ModelError,
  BatchError,
  LossError,
  MetricError,
  StaleGradientError,
  CompileError,
  CheckpointError,
  OutOfMemoryError,
];

/** An error with its place; those of ours say it themselves. */
export function placed(error: unknown, stage: string, globalStep: number, microStep: number): unknown {
  return OWN.some((each) => error instanceof each) ? error : new StepError(stage, globalStep, microStep, error);
}
