import type * as tf from '@tensorflow/tfjs';

import { ModelError } from './errors.js';
import { allVariablesOf, variablesOf, type Model } from './model.js';
import { savedNames } from './savedNames.js';
import { tensors } from './tensors.js';

/** Where one variable lies in the flat vector of all of them. */
export interface WeightSlot {
  /** As it is saved: the same for the same model in any process. */
  readonly name: string;
  readonly shape: readonly number[];
  readonly size: number;
}

/**
 * The trainable variables of a model as one vector.
 *
 * Gradients, optimizer slots and weights are handled as one flat tensor each, so that a step costs a few ops and not a few per variable,
 * and so that the vector is at the same time what replicas reduce.
 */
export interface Weights {
  readonly variables: readonly tf.Variable[];
  readonly slots: readonly WeightSlot[];
  /** How often an optimizer has changed them: what tells stale gradients from fresh ones. */
  updates: number;
}

const known = new WeakMap<Model, Weights>();

/**
 * The weights of a model: the same object for the same model, as long as its trainable variables are the same.
 *
 * @throws {@link ModelError} if the model has no trainable variable.
 */
export function weightsOf(model: Model): Weights {
  const variables = variablesOf(model);
  if (variables.length === 0)
    throw new ModelError('forward: the model must have a trainable variable, received none; is every layer frozen?');
  const existing = known.get(model);
  if (existing?.variables.length === variables.length && existing.variables.every((v, i) => v === variables[i]))
    return existing;
  const names = savedNames(model);
  const all = allVariablesOf(model);
  const slots = variables.map((variable) => {
    const { shape, size } = variable;
    return { name: names[all.indexOf(variable)] ?? variable.name, shape, size };
  });
  const weights: Weights = { variables, slots, updates: 0 };
  known.set(model, weights);
  return weights;
}

/** Tensors in the order of the variables, as one vector. Allocates it; the tensors stay whose they are. */
export function flatten(values: readonly tf.Tensor[]): tf.Tensor1D {
  const { concat, reshape, tidy } = tensors();
  return tidy(() => concat(values.map((value) => (value.rank === 1 ? value : reshape(value, [-1]))) as tf.Tensor1D[]));
}

/** The vector cut into one tensor per variable, in order and in their shapes. The caller owns both. */
export function unflatten(vector: tf.Tensor1D, slots: readonly WeightSlot[]): tf.Tensor[] {
  const { reshape, split, tidy } = tensors();
  if (slots.length === 1) return [reshape(vector, [...slots[0]!.shape])];
  return tidy(() =>
    split(
      vector,
      slots.map(({ size }) => size),
    ).map((part, i) => (slots[i]!.shape.length === 1 ? part : reshape(part, [...slots[i]!.shape]))),
  );
}
