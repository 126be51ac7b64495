import type * as tf from '@tensorflow/tfjs';

import type { StepEvent, ValidationEvent } from '../core/events.js';
import { mean, type Reducer } from '../core/metric.js';
import { tensors } from '../core/tensors.js';
import type { GradientStep, MicroBatchResult, MicroStep, StepResult } from '../core/values.js';
import type { Weights } from '../core/weights.js';

/** What a made-up micro-batch gave. */
export interface MicroBatchInput {
  readonly loss?: number;
  readonly weight?: number;
  readonly metrics?: Readonly<Record<string, number>>;
}

/** What a made-up micro-step or gradient step says; everything may be left out. */
export interface StepInput extends MicroBatchInput {
  readonly gradients?: readonly number[];
  readonly weights?: Weights;
  readonly globalStep?: number;
  readonly microStep?: number;
  readonly epoch?: number;
  readonly samples?: number;
  readonly reducers?: Readonly<Record<string, Reducer>>;
}

/** Weights without a model, for steps that no optimizer is to apply: one slot 'w' of `size` numbers. */
export function fakeWeights(size = 1): Weights {
  return { variables: [], slots: [{ name: 'w', shape: [size], size }], updates: 0 };
}

const sharedWeights = new Map<number, Weights>();

/**
 * A micro-step as `backward` would emit it, for marble tests of operators behind it. The caller owns its tensors.
 *
 * @example
 * ```ts
 * const source = m.cold('--a--b--|', { a: microStep({ gradients: [1] }), b: microStep({ gradients: [3] }) });
 * ```
 */
export function microStep(input: StepInput = {}): MicroStep {
  return { ...resultOf(input), ...contextOf(input), gradients: tensors().tensor1d([...(input.gradients ?? [0])]) };
}

/** A gradient step as `accumulate` would emit it. The caller owns its tensors. */
export function gradientStep(
  input: StepInput & { readonly microBatches?: readonly MicroBatchInput[] } = {},
): GradientStep {
  const microBatches = (input.microBatches ?? [input]).map(resultOf);
  return {
    ...contextOf(input),
    gradients: tensors().tensor1d([...(input.gradients ?? [0])]),
    weight: microBatches.reduce((sum, { weight }) => sum + weight, 0),
    microBatches,
  };
}

/** A step's result as `optimizerStep` would emit it. The caller owns its scalars. */
export function stepResult(
  input: StepInput & { readonly microBatches?: readonly MicroBatchInput[]; readonly learningRate?: number } = {},
): StepResult {
  const { gradients, ...rest } = gradientStep({ globalStep: 1, ...input });
  gradients.dispose();
  return { ...rest, learningRate: input.learningRate ?? 0.1 };
}

/** A step event as `readback` would emit it, with whatever is to differ. */
export function stepEvent(globalStep: number, differing: Partial<StepEvent> = {}): StepEvent {
  const loss = differing.loss ?? 0;
  const metrics = differing.metrics ?? {};
  const microBatches = differing.microBatches ?? [{ loss, weight: 1, metrics }];
  return {
    type: 'step',
    globalStep,
    microStep: globalStep * microBatches.length,
    epoch: 1,
    loss,
    metrics,
    microBatches,
    samples: 1,
    learningRate: 0.1,
    worldSize: 1,
    ema: {},
    ...differing,
  };
}

/** A validation event as `validateEvery` would emit it, with whatever is to differ. */
export function validationEvent(globalStep: number, differing: Partial<ValidationEvent> = {}): ValidationEvent {
  return { type: 'validation', globalStep, epoch: 1, loss: 0, metrics: {}, samples: 1, ema: {}, ...differing };
}

function resultOf({ loss = 0, weight = 1, metrics = {} }: MicroBatchInput): MicroBatchResult {
  const scalars = Object.entries(metrics).map(([name, value]): [string, tf.Scalar] => [name, tensors().scalar(value)]);
  return { loss: tensors().scalar(loss), weight, metrics: Object.fromEntries(scalars) };
}

function contextOf(input: StepInput): Omit<MicroStep, 'gradients' | keyof MicroBatchResult> {
  const size = input.gradients?.length ?? 1;
  if (!sharedWeights.has(size)) sharedWeights.set(size, fakeWeights(size));
  const names = Object.keys(input.metrics ?? {});
  return {
    weights: input.weights ?? sharedWeights.get(size)!,
    globalStep: input.globalStep ?? 0,
    microStep: input.microStep ?? 1,
    epoch: input.epoch ?? 1,
    samples: input.samples ?? input.weight ?? 1,
    reducers: input.reducers ?? Object.fromEntries(names.map((name) => [name, mean])),
    worldSize: 1,
  };
}
