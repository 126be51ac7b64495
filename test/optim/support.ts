import * as tf from '@tensorflow/tfjs';

import type { Optimizer, Updated } from '../../src/core/optimizer.js';
import type { WeightSlot } from '../../src/core/weights.js';
import { adagrad, adam, adamw, lion, rmsprop, sgd } from '../../src/optim/index.js';

/** Variables named a, b, … of these shapes. */
export function slotsOf(...shapes: number[][]): WeightSlot[] {
  return shapes.map((shape, i) => ({
    name: String.fromCharCode(97 + i),
    shape,
    size: shape.reduce((product, length) => product * length, 1),
  }));
}

/** Every optimizer of our own and every path through it, with what a step of it costs on two variables, [3, 2] and [4]. */
export const optimizers: Record<string, { make: () => Optimizer; kernels: number; constants: number }> = {
  sgd: { make: () => sgd(), kernels: 2, constants: 1 },
  'sgd, weight decay': { make: () => sgd({ weightDecay: 0.1 }), kernels: 4, constants: 2 },
  'sgd, momentum': { make: () => sgd({ momentum: 0.9 }), kernels: 4, constants: 2 },
  'sgd, nesterov': { make: () => sgd({ momentum: 0.9, nesterov: true }), kernels: 6, constants: 2 },
  adam: { make: () => adam(), kernels: 18, constants: 7 },
  adamw: { make: () => adamw(), kernels: 21, constants: 8 },
  'adamw, all decayed': { make: () => adamw({ decay: () => true }), kernels: 19, constants: 8 },
  'adamw, no decay': { make: () => adamw({ weightDecay: 0 }), kernels: 18, constants: 7 },
  rmsprop: { make: () => rmsprop(), kernels: 8, constants: 3 },
  'rmsprop, momentum': { make: () => rmsprop({ momentum: 0.9 }), kernels: 10, constants: 4 },
  adagrad: { make: () => adagrad(), kernels: 7, constants: 2 },
  lion: { make: () => lion(), kernels: 7, constants: 3 },
  'lion, decay': { make: () => lion({ weightDecay: 0.1 }), kernels: 10, constants: 4 },
  'lion, all decayed': { make: () => lion({ weightDecay: 0.1, decay: () => true }), kernels: 8, constants: 4 },
};

/** Runs an optimizer over gradients and frees everything; gives the weights after each step. */
export function train(
  optimizer: Optimizer,
  slots: readonly WeightSlot[],
  initial: readonly number[],
  gradients: readonly (readonly number[])[],
  learningRate: number,
): number[][] {
  let now: Updated = { weights: tf.tensor1d([...initial]), state: optimizer.init(slots) };
  const after = gradients.map((values) => {
    const gradient = tf.tensor1d([...values]);
    const next = optimizer.update(gradient, now.state, now.weights, learningRate);
    tf.dispose([gradient, now.weights, { ...now.state }]);
    now = next;
    return [...now.weights.dataSync()];
  });
  tf.dispose([now.weights, { ...now.state }]);
  return after;
}
