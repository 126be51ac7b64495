import type * as tf from '@tensorflow/tfjs';

import type { Batch } from './batch.js';
import type { Computation } from './compute.js';
import type { Optimizer, OptimizerState } from './optimizer.js';
import type { MicroBatchResult } from './values.js';
import type { Weights } from './weights.js';

/** What an engine needs to know to run a whole training step in one piece. */
export interface StepPlan extends Omit<Computation, 'batch'> {
  readonly weights: Weights;
  readonly optimizer: Optimizer;
  /** Whether the gradients' norm is bounded. */
  readonly clips: boolean;
  /** Whether a step that is not finite leaves everything as it is. */
  readonly skips: boolean;
  /** What random numbers start from, along with the micro-step. */
  readonly seed: number;
  /** Whether XLA compiles the pass; 'auto', where that pays. */
  readonly xla: 'auto' | boolean;
  /** Whether a pass that fails must leave everything as it was, since it will be made again in parts. */
  readonly recovers: boolean;
  /** Whether it is an error if a batch in mid-run cannot be compiled; else it is computed op by op. */
  readonly strict: boolean;
}

/** How the sum of a window's gradients becomes an update. */
export interface WindowEnd {
  /** What the sum is multiplied with to be the mean. */
  readonly scale: number;
  readonly learningRate: number;
  /** The most that the norm of the mean may be; without bound unless the plan clips. */
  readonly maxNorm: number;
}

/** A step that has been compiled. It owns sums, weights and state; the model's variables follow when somebody looks. */
export interface CompiledStep {
  /**
   * The forward and backward pass over a batch, its gradients times `share` added to the window's; `opens` begins a window. `part` tells the parts of a
   * micro-step apart, so that they draw other random numbers.
   *
   * The batch stays the caller's; the scalars become the caller's.
   */
  microStep(
    batch: Batch,
    window: { readonly opens: boolean; readonly share: number; readonly part: number },
    microStep: number,
  ): MicroBatchResult;
  /** The window's gradients so far, times `scale`; a copy, which the caller owns. */
  gradients(scale: number): tf.Tensor1D;
  /** Puts gradients in the place of the window's, whose losses are those of `microBatches`. They stay the caller's. */
  setGradients(gradients: tf.Tensor1D, microBatches: readonly MicroBatchResult[]): void;
  /** Ends the window: changes the weights. The scalars become the caller's. */
  finishWindow(end: WindowEnd): { readonly gradientNorm?: tf.Scalar; readonly finite?: tf.Scalar };
  /** The optimizer's state by the names under which it is saved; a copy, which the caller owns. */
  namedState(): Readonly<Record<string, tf.Tensor>>;
  /** Sets the optimizer's state, which stays the caller's. */
  setState(state: OptimizerState): void;
  /** Hands weights back to the model and frees everything. */
  close(): void;
}

/**
 * Makes a compiled step for a plan, with a first batch to try it on, and the number that this one has.
 *
 * @throws CompileError if it cannot, or if what it has made computes something else than the plan does.
 */
export type CompileStep = (plan: StepPlan, first: Batch, microStep: number) => CompiledStep;

let bound: CompileStep | undefined;

/** Makes `compileStep` the one in force, or says that the engine has none; `engine()` calls it. */
export function bindCompiler(compileStep: CompileStep | undefined): void {
  bound = compileStep;
}

/** What compiles steps for the engine in force, if it can. */
export function compiler(): CompileStep | undefined {
  return bound;
}
