import type * as tf from '@tensorflow/tfjs';

import type { Batch } from './batch.js';
import type { Change } from './events.js';
import type { Histogram } from './histogram.js';
import type { LossFunction } from './loss.js';
import type { Metric } from './metric.js';
import type { Model } from './model.js';
import type { Parts } from './parts.js';
import type { InRun } from './run.js';
import type { Weights } from './weights.js';

/** A recipe: a batch with the model, loss and metrics that are to be computed on it. Owns the batch. */
export interface ForwardPass extends InRun {
  readonly batch: Batch;
  readonly model: Model;
  readonly weights: Weights;
  readonly loss: LossFunction;
  readonly metrics: Readonly<Record<string, Metric>>;
  /** How the metrics are reduced, by name. */
  readonly reducers: Readonly<Record<string, Metric['reduce']>>;
  /** What the pass's random numbers start from, along with the micro-step. */
  readonly seed: number;
  /** Which weights a pass computed now would see: those after this many optimizer steps of the run. */
  readonly globalStep: () => number;
  /** How it is computed in parts if it does not fit in memory; without, it fails then. */
  readonly parts?: Parts;
}

/** What one micro-batch gave besides gradients. Its tensors are scalars on the device. */
export interface MicroBatchResult {
  readonly loss: tf.Scalar;
  /** Samples, or what the batch said; at least 0. */
  readonly weight: number;
  readonly metrics: Readonly<Record<string, tf.Scalar>>;
}

/** One forward and backward pass. Owns its tensors. */
export interface MicroStep extends MicroBatchResult, InRun {
  /** ∂loss/∂variables as one vector, in the order of `weights`. */
  readonly gradients: tf.Tensor1D;
  readonly weights: Weights;
  /** Which weights it saw: those after this many optimizer steps of the run. */
  readonly globalStep: number;
  /** Forward and backward passes so far; the first is 1. */
  readonly microStep: number;
  readonly samples: number;
  readonly epoch: number;
  /** The metrics' reducers, by name. */
  readonly reducers: Readonly<Record<string, Metric['reduce']>>;
  readonly worldSize: number;
}

/** The micro-batches of one optimizer step with the weighted mean of their gradients. Owns its tensors. */
export interface GradientStep extends InRun {
  readonly gradients: tf.Tensor1D;
  readonly weights: Weights;
  /** Which weights the gradients came from: the oldest, should they differ. */
  readonly globalStep: number;
  readonly microStep: number;
  readonly samples: number;
  readonly epoch: number;
  readonly weight: number;
  readonly microBatches: readonly MicroBatchResult[];
  readonly reducers: Readonly<Record<string, Metric['reduce']>>;
  readonly worldSize: number;
  /** The gradients' global norm before clipping, once a stage has computed it. */
  readonly gradientNorm?: tf.Scalar;
  /** Whether losses and gradients are all finite (1 or 0), once `skipNonFinite` has computed it. */
  readonly finite?: tf.Scalar;
  /** How many steps in a row may be skipped until the run errors, if `skipNonFinite` was given it. */
  readonly giveUpAfter?: number;
  /** Live hyper-parameters that were applied to this step and not to the one before. */
  readonly changes?: readonly Change[];
  /** How the gradients are spread, where `gradientHistograms` has looked. */
  readonly histograms?: readonly Histogram[];
}

/** An optimizer step that has been taken; its numbers are still on the device. Owns its scalars. */
export interface StepResult extends Omit<GradientStep, 'gradients'> {
  /** The step that has just been taken; the first is 1. */
  readonly globalStep: number;
  readonly learningRate: number;
}
