import type * as tf from '@tensorflow/tfjs';

import { ArgumentError } from './errors.js';
import { checkLive, liveValue, type Live, type LiveValue } from './live.js';
import type { Json } from './snapshot.js';
import type { WeightSlot } from './weights.js';

/** An optimizer's memory by slot: a vector as long as the weights (momentum …), or a scalar (a step count, a power of beta). */
export type OptimizerState = Readonly<Record<string, tf.Tensor>>;

/** What an update gives back: new weights and new state, both owned by the caller. */
export interface Updated {
  readonly weights: tf.Tensor1D;
  readonly state: OptimizerState;
}

/**
 * The formula of an update, for engines that have it in one op; they may do without `update` then.
 *
 * `decays` says which weights the decoupled decay takes from.
 */
export type Formula =
  | { readonly kind: 'sgd'; readonly momentum: number; readonly nesterov: boolean; readonly weightDecay: number }
  | { readonly kind: 'adagrad'; readonly epsilon: number }
  | {
      readonly kind: 'adam';
      readonly betas: readonly [number, number];
      readonly epsilon: number;
      readonly weightDecay: number;
      readonly decays: (slot: WeightSlot) => boolean;
    };

/**
 * An optimizer as a pair of pure functions over flat vectors.
 *
 * `init` makes the state; `update` makes new weights and new state, and disposes neither its inputs nor anything else: the stage that
 * calls it owns all of them, and can therefore skip a step, fork a run or save one.
 */
export interface Optimizer {
  readonly name: string;
  readonly learningRate: Live;
  /** What else it was told, as plain data: checkpoints hold it. */
  readonly options?: Readonly<Record<string, Json>>;
  /** What `update` computes, if it is one of the well-known formulas. */
  readonly formula?: Formula;
  init(slots: readonly WeightSlot[]): OptimizerState;
  update(gradients: tf.Tensor1D, state: OptimizerState, weights: tf.Tensor1D, learningRate: number): Updated;
}

/** Throws what can be known to be wrong with an optimizer's learning rate before it runs. */
export function checkRate({ name, learningRate }: Optimizer): void {
  checkLive(learningRate, labelOf(name), assertRate);
}

/** An optimizer's learning rate while a run goes on. */
export function liveRate({ name, learningRate }: Optimizer): LiveValue {
  return liveValue(learningRate, 'learningRate', labelOf(name), assertRate);
}

function labelOf(name: string): string {
  return `optimizerStep: the learning rate of ${name}`;
}

/** Throws unless `value` can be a learning rate. */
function assertRate(value: number, what: string): void {
  if (!(value >= 0 && value < Infinity))
    throw new ArgumentError(`${what} must be a number of at least 0, received ${value}`);
}
