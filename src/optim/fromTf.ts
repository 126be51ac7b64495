import type * as tf from '@tensorflow/tfjs';

import { ArgumentError } from '../core/errors.js';
import type { Optimizer, OptimizerState, Updated } from '../core/optimizer.js';
import type { Json } from '../core/snapshot.js';
import { tensors } from '../core/tensors.js';
import { assertRate } from './checkOptions.js';
import { filled } from './filled.js';

/** The name of the variable that stands for all weights while the TensorFlow.js optimizer works on it. */
const WEIGHTS = 'gradstream/fromTf/weights';

/** How TensorFlow.js optimizers keep one vector of state per variable: in lists by index. */
type Slot = { originalName: string; variable: tf.Variable };

/** The fields of a TensorFlow.js optimizer, which TypeScript calls protected or private. */
type Fields = Record<string, unknown> & { learningRate: number; iterations_?: number };

/**
 * Adapts an optimizer of TensorFlow.js, such as `tf.train.adamax()`.
 *
 * For the optimizers that gradstream has not got (`adadelta`, `adamax`), and to move a program over without changing its numbers.
 *
 * A TensorFlow.js optimizer assigns registered variables and keeps its state to itself, by index. Here it is handed one variable with all
 * weights in it, and its state in its fields; the outcome is taken out and the fields are left as they were. So a step can be skipped, a
 * run forked and its state saved like any other. This reads and writes fields that TypeScript calls private: variables, and
 * lists of `{ originalName, variable }`. All seven optimizers of `tf.train` (4.x) are built that way and are tested.
 *
 * What is not possible: `iterations` counts updates, skipped ones too. An optimizer class of your own must treat each weight for itself (it
 * does not see where one variable ends and the next begins) and keep its state as said above; what it keeps elsewhere, such as a count in a
 * number, is neither rolled back nor saved.
 *
 * **Learning rate**: the optimizer's own, read at every step, so `setLearningRate` is heard. To give one that has no such method a schedule:
 * `{ ...fromTf(tf.train.adam()), learningRate: cosine(3e-4, 10_000) }`.
 * **Cost**: what TensorFlow.js spends on one variable and 1 kernel a vector or scalar of state: 23 kernels and 10 constants for
 * `tf.train.adam`, whatever the number of variables.
 * **Memory**: the state that the TensorFlow.js optimizer has, once.
 * **Ownership**: `init` and `update` make what they return, which the caller owns. The TensorFlow.js optimizer stays yours: a few scalars
 * that its constructor made live until you call its `dispose()`, after the run (`tf.train.momentum`'s forgets one).
 *
 * @example
 * ```ts
 * const optimizer = fromTf(tf.train.adamax(0.002));
 * ```
 *
 * @param optimizer - A fresh TensorFlow.js optimizer; it must not have been used elsewhere.
 * @throws {@link ArgumentError} at once, if it is no optimizer, has no learning rate, or has state already.
 */
export function fromTf(optimizer: tf.Optimizer): Optimizer {
  if (typeof optimizer?.applyGradients !== 'function') {
    throw new ArgumentError(`fromTf: optimizer must be a tf.Optimizer, received ${String(optimizer)}`);
  }
  const fields = optimizer as unknown as Fields;
  assertRate(fields.learningRate, 'fromTf: the learningRate of the optimizer');
  const used = Object.keys(fields).find((key) => Array.isArray(fields[key]) && variableIn(fields[key]));
  if (used) throw new ArgumentError(`fromTf: optimizer must be fresh, received one with state in ${used}`);

  /** Lets the optimizer take one step from `state`, and leaves its fields as they were. */
  function step(weights: tf.Tensor1D, gradients: tf.Tensor1D | null, state: OptimizerState): Updated {
    const { clone, dispose, tidy, variable } = tensors();
    const own = Object.entries(fields).filter(([, field]) => Array.isArray(field) || isVariable(field));
    const target = variable(weights, false, WEIGHTS);
    for (const [key, field] of own) {
      const slot = state[key] && variable(state[key], false);
      if (isVariable(field)) fields[key] = slot;
      else fields[key] = slot ? [{ originalName: key, variable: slot }] : [];
    }
    try {
      optimizer.applyGradients([{ name: WEIGHTS, tensor: gradients as tf.Tensor }]);
      return tidy(() => ({ weights: clone<tf.Tensor1D>(target as tf.Tensor1D), state: cloneState(fields) }));
    } finally {
      dispose(target);
      for (const [key, field] of own) {
        variableIn(fields[key])?.dispose();
        fields[key] = field;
      }
    }
  }

  return {
    name: `tf.${optimizer.getClassName()}`,
    learningRate: () => fields.learningRate,
    options: optimizer.getConfig() as Readonly<Record<string, Json>>,
    init: (slots) => {
      const { iterations_ } = fields;
      return tensors().tidy(() => {
        // A step without a gradient makes the optimizer fill its lists and no more. (One with a gradient of zeros would do more: centred
        // RMSProp takes the root of a negative number then.) Its scalars move on all the same; they are taken from before.
        const scalars = cloneState(fields);
        const { state } = step(filled(slots, 0), null, scalars);
        fields.iterations_ = iterations_ ?? 0;
        return { ...state, ...scalars };
      });
    },
    update: (gradients, state, weights, rate) => {
      const { learningRate } = fields;
      setRate(optimizer, fields, rate);
      try {
        return step(weights, gradients, state);
      } finally {
        setRate(optimizer, fields, learningRate);
      }
    },
  };
}

function setRate(optimizer: tf.Optimizer, fields: Fields, rate: number): void {
  if (rate === fields.learningRate) return;
  if ('setLearningRate' in optimizer) (optimizer as tf.SGDOptimizer).setLearningRate(rate);
  else fields.learningRate = rate;
}

/** The state in the fields, as tensors of its own. To be called in a `tidy` that returns it. */
function cloneState(fields: Fields): OptimizerState {
  const { clone } = tensors();
  const state: Record<string, tf.Tensor> = {};
  for (const [key, field] of Object.entries(fields)) {
    const variable = variableIn(field);
    if (variable) state[key] = clone<tf.Tensor>(variable);
  }
  return state;
}

/** The variable that a field holds, by itself or in a list of one. */
function variableIn(field: unknown): tf.Variable | undefined {
  const value: unknown = Array.isArray(field) ? (field[0] as Slot | undefined)?.variable : field;
  return isVariable(value) ? value : undefined;
}

function isVariable(value: unknown): value is tf.Variable {
  return typeof value === 'object' && value !== null && 'assign' in value && 'dataId' in value;
}
