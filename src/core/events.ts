import type { Change } from './change.js';
import type { InRun } from './run.js';

/** What one micro-batch gave, merged over all replicas. */
export interface MicroBatchValues {
  readonly loss: number;
  readonly weight: number;
  readonly metrics: Readonly<Record<string, number>>;
}

/** One optimizer step, as plain numbers. */
export interface StepEvent extends InRun {
  readonly type: 'step';
  /** Optimizer steps so far; the first is 1. */
  readonly globalStep: number;
  /** Forward and backward passes so far; the first is 1. */
  readonly microStep: number;
  /** Which pass over the data; the first is 1. */
  readonly epoch: number;
  /** The weighted mean over the window and all replicas. */
  readonly loss: number;
  /** Reduced over the window as each metric declares. */
  readonly metrics: Readonly<Record<string, number>>;
  /** Every micro-batch of the window, in order. */
  readonly microBatches: readonly MicroBatchValues[];
  readonly samples: number;
  readonly learningRate: number;
  /** The global norm before clipping, where a stage computed it. */
  readonly gradientNorm?: number;
  readonly worldSize: number;
  /** What `ema` operators have added, by the name of what they average. */
  readonly ema: Readonly<Record<string, number>>;
  /** What `throughput` has added. */
  readonly samplesPerSecond?: number;
  /** NaN or Infinity: in what, and whether the step was applied all the same. */
  readonly nonFinite?: { readonly what: string; readonly action: 'skipped' | 'kept' };
}

/** A validation on the weights after `globalStep`. */
export interface ValidationEvent extends InRun {
  readonly type: 'validation';
  readonly globalStep: number;
  readonly epoch: number;
  readonly loss: number;
  readonly metrics: Readonly<Record<string, number>>;
  readonly samples: number;
  readonly ema: Readonly<Record<string, number>>;
}

/** Something has changed in mid-run. */
export interface ChangeEvent extends Change, InRun {
  readonly type: 'change';
}

/** The end of a run that was asked to end: always the last event. */
export interface EndEvent extends InRun {
  readonly type: 'end';
  readonly globalStep: number;
  readonly epoch: number;
  readonly reason: 'epochs' | 'steps' | 'until';
}

/** What a run emits; an operator touches the kind it is about and passes the others through. */
export type TrainingEvent = StepEvent | ValidationEvent | ChangeEvent | EndEvent;
