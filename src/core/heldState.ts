import type * as tf from '@tensorflow/tfjs';

import { CheckpointError } from './errors.js';
import { countsIn, objectIn } from './heldData.js';
import { describeLive } from './live.js';
import { joinVectors } from './namedVectors.js';
import type { Optimizer, OptimizerState } from './optimizer.js';
import type { Held, Holding, Json } from './snapshot.js';
import { tensors } from './tensors.js';
import type { WeightSlot } from './weights.js';

/** An optimizer's state by the names of the variables, and what the optimizer was told. */
export function holdState(
  optimizer: Optimizer,
  globalStep: number,
  namedState: Readonly<Record<string, tf.Tensor>>,
): Required<Holding> {
  const { name, learningRate, options = {} } = optimizer;
  const told: Json = { name, learningRate: describeLive(learningRate), ...options };
  return { data: { globalStep, options: told }, tensors: namedState };
}

/**
 * The step and the state that were held; there is none before the first step. The caller owns it.
 *
 * @throws {@link CheckpointError} if it is the state of another optimizer or model.
 */
export function restoreState(
  optimizer: Optimizer,
  { data, arrays = {} }: Held,
  slots: readonly WeightSlot[],
): { globalStep: number; state: OptimizerState } {
  const { globalStep } = countsIn(data, ['globalStep'], 'optimizerStep');
  if (globalStep === 0) return { globalStep, state: {} };
  const { name } = objectIn(objectIn(data, 'a state')['options'], 'the options of the optimizer');
  if (name !== optimizer.name)
    throw new CheckpointError(
      `optimizerStep: a run must go on with the optimizer that it was saved with, ${String(name)}, received ${optimizer.name}`,
    );
  const { dispose, tidy } = tensors();
  const like = tidy(() => optimizer.init(slots));
  try {
    return { globalStep, state: joinVectors(arrays, like, slots, `optimizerStep: ${optimizer.name}`) };
  } finally {
    dispose({ ...like });
  }
}
