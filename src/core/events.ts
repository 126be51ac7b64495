import type { EndReason } from './endReason.js';
import type { Histogram } from './histogram.js';
import type { InRun } from './run.js';

/** What one micro-batch gave, merged over all replicas. */
export interface MicroBatchValues {
  readonly loss: number;
  readonly weight: number;
  readonly metrics: Readonly<Record<string, number>>;
}

/** Which hyper-parameter has changed, and how. */
export interface Change {
  /** 'learningRate', 'accumulate', 'clipByGlobalNorm', 'clipByValue', 'alpha.<name>' of an `ema`, 'logEvery', 'validateEvery', … */
  readonly what: string;
  readonly from: number;
  readonly to: number;
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
  /** What `stepTimes` has added: milliseconds since the step before, by what they went to. */
  readonly timesMs?: Readonly<Record<string, number>>;
  /** NaN or Infinity: in what, and whether the step was applied all the same; `count` says how many steps of the run have been skipped by now. */
  readonly nonFinite?: { readonly what: string; readonly action: 'skipped' | 'kept'; readonly count?: number };
  /** Live hyper-parameters that were applied to this step and not to the one before, until `changes` makes events of them. */
  readonly changes?: readonly Change[];
  /** What `gradientHistograms` has noted, until `changes` makes events of it. */
  readonly histograms?: readonly Histogram[];
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
  /** Given if the weights were not those that are trained, but their average (`averageWeights`). */
  readonly weights?: 'averaged';
}

/** A checkpoint that is in its store, whole and for good. */
export interface CheckpointEvent extends InRun {
  readonly type: 'checkpoint';
  /** The step whose weights it holds. */
  readonly globalStep: number;
  readonly epoch: number;
  /** Under which the store has it. */
  readonly name: string;
  /** What it was made for; the first, if several things were. */
  readonly reason: 'steps' | 'time' | 'epoch' | 'demand' | 'best' | 'end';
  /** Whether its weights are the best so far, where that is asked for. */
  readonly best: boolean;
  /** How many were due before it and not made, because the store was still at work. */
  readonly skipped: number;
}

/**
 * A hyper-parameter that has been changed: a live one (an Observable) from `globalStep` on, said before that step's event; or by an operator
 * (`reduceOnPlateau`) after `globalStep`.
 */
export interface ChangeEvent extends InRun, Change {
  readonly type: 'change';
  readonly globalStep: number;
  readonly epoch: number;
}

/** How the weights after `globalStep`, or the gradients that made them, are spread: one event for each variable. */
export interface HistogramEvent extends InRun, Histogram {
  readonly type: 'histogram';
  readonly globalStep: number;
  readonly epoch: number;
}

/** Pictures that somebody wants to see beside the curves: samples with what the model makes of them. */
export interface ImageEvent extends InRun {
  readonly type: 'image';
  readonly globalStep: number;
  readonly epoch: number;
  readonly name: string;
  /** PNGs of one size as data URLs, so that they go through JSON and into an `<img>` as they are; see `pngImages`. */
  readonly images: readonly string[];
}

/** A text that somebody wants to see beside the curves, as Markdown: what the model writes by now. */
export interface TextEvent extends InRun {
  readonly type: 'text';
  readonly globalStep: number;
  readonly epoch: number;
  readonly name: string;
  readonly text: string;
}

/** The end of a run that was asked to end: always the last event. */
export type EndEvent = InRun & {
  readonly type: 'end';
  readonly globalStep: number;
  readonly epoch: number;
} & EndReason;

/** What a run emits; an operator touches the kind it is about and passes the others through. */
export type TrainingEvent =
  StepEvent | ValidationEvent | ChangeEvent | CheckpointEvent | HistogramEvent | ImageEvent | TextEvent | EndEvent;
