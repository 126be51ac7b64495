/**
 * Every error that gradstream throws or sends, one class for each decision a caller can make.
 *
 * Bad arguments throw when the pipeline is built; everything else arrives on the error channel.
 */

/** An argument that can never be valid, found when the pipeline is built, before anything is subscribed. */
export class ArgumentError extends RangeError {
  override readonly name = 'ArgumentError';
}

/** No engine has been chosen, or the chosen one cannot run here. */
export class EngineError extends Error {
  override readonly name = 'EngineError';
}

/** A model that cannot be trained: it has no trainable variable, or the loss does not depend on one of them. */
export class ModelError extends Error {
  override readonly name = 'ModelError';

  constructor(
    message: string,
    readonly variables: readonly string[] = [],
  ) {
    super(message);
  }
}

/** The source failed, or did not give what it must; `batch` counts the batches that it had given by then. */
export class SourceError extends Error {
  override readonly name = 'SourceError';

  constructor(
    message: string,
    readonly batch: number,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

/** A micro-batch that the model, the loss or a metric cannot take; `microStep` says which one it was. */
export class BatchError extends Error {
  override readonly name = 'BatchError';

  constructor(
    message: string,
    readonly microStep: number,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

/** A loss that threw, or that is neither a scalar nor one value per sample. */
export class LossError extends Error {
  override readonly name = 'LossError';

  constructor(
    message: string,
    readonly microStep: number,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

/** A metric that threw, or that is neither a scalar nor one value per sample. */
export class MetricError extends Error {
  override readonly name = 'MetricError';

  constructor(
    message: string,
    readonly metric: string,
    readonly microStep: number,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

/** NaN or Infinity where a number must be; `what` names it. */
export class NonFiniteError extends Error {
  override readonly name = 'NonFiniteError';

  constructor(
    message: string,
    readonly what: string,
    readonly globalStep: number,
  ) {
    super(message);
  }
}

/** Gradients that were computed on weights which an optimizer step has replaced since. */
export class StaleGradientError extends Error {
  override readonly name = 'StaleGradientError';

  constructor(
    readonly computedAt: number,
    readonly globalStep: number,
  ) {
    super(
      `optimizerStep: gradients must come from the weights of global step ${globalStep}, received gradients of global step ${computedAt}; ` +
        'an asynchronous stage before this one did not make the source wait: write it with waitMap, or call waitUntil',
    );
  }
}

/** Work on the weights of a step (validation, a checkpoint) found that the weights have moved on. */
export class StaleStepError extends Error {
  override readonly name = 'StaleStepError';

  constructor(
    operator: string,
    readonly expected: number,
    readonly globalStep: number,
  ) {
    super(
      `${operator}: the weights must be those of global step ${expected}, they are those of ${globalStep}; ` +
        `place ${operator} before a readback(n > 1)`,
    );
  }
}

/** A replica that did not deliver a micro-batch that the others did. */
export class ReplicaError extends Error {
  override readonly name = 'ReplicaError';

  constructor(
    message: string,
    readonly ranks: readonly number[],
    readonly microStep: number,
  ) {
    super(message);
  }
}

/** Throws unless `value` is a whole number of at least 1. */
export function assertPositiveInteger(value: number, label: string): void {
  if (!Number.isInteger(value) || value < 1) {
    throw new ArgumentError(`${label} must be a positive integer, received ${String(value)}`);
  }
}

/** Throws unless `value` is a finite number above 0. */
export function assertPositive(value: number, label: string): void {
  if (!(value > 0) || value === Infinity) {
    throw new ArgumentError(`${label} must be a positive number, received ${String(value)}`);
  }
}

/** The message of whatever was thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** A step that cannot run in one piece: which op or value is in the way. */
export class CompileError extends Error {
  override readonly name = 'CompileError';
}

/** A snapshot or checkpoint that a run cannot go on from: what it holds, and what the run has. */
export class CheckpointError extends Error {
  override readonly name = 'CheckpointError';
}
