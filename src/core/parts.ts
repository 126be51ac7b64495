import type { Batch } from './batch.js';

/** How micro-batches that do not fit in memory are computed in parts. */
export interface Parts {
  /** How many samples are computed at once, at most. */
  readonly limit: () => number;
  /**
   * Halves the limit, since so many samples were too many.
   *
   * @throws OutOfMemoryError, if it was one.
   */
  readonly tooMany: (
    samples: number,
    seen: { readonly globalStep: number; readonly epoch: number },
    cause: unknown,
  ) => void;
  /** The metrics that give one value per sample; they are known once computed. */
  readonly perSample: ReadonlySet<string>;
}

/** A part of a micro-batch. */
export interface Part {
  readonly batch: Batch;
  /** How much it counts in the mean over the micro-batch; all of them together 1. */
  readonly share: number;
  /** The first is 0. */
  readonly index: number;
}
