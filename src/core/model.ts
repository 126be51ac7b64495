import type * as tf from '@tensorflow/tfjs';

/** A model of your own: its trainable variables, and how inputs become predictions. */
export interface CustomModel {
  readonly variables: readonly tf.Variable[];
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- inputs and predictions may be one tensor or several
  apply(xs: any, options: { training: boolean }): any;
}

/** A `tf.LayersModel`, as far as it is used. */
export interface LayersModelLike {
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- as tf.LayersModel declares it
  apply(xs: any, options: { training: boolean }): any;
  readonly trainableWeights: readonly { read(): tf.Tensor }[];
  readonly weights?: readonly { read(): tf.Tensor }[];
}

/** What can be trained: a `tf.LayersModel`, or any `{ variables, apply(xs, { training }) }`. */
export type Model = CustomModel | LayersModelLike;

/** The variables that training changes. */
export function variablesOf(model: Model): readonly tf.Variable[] {
  return 'trainableWeights' in model
    ? model.trainableWeights.map((weight) => weight.read() as tf.Variable)
    : model.variables.filter(({ trainable }) => trainable);
}

/** All variables of a model, those that training does not change among them: what has to be saved. */
export function allVariablesOf(model: Model): readonly tf.Variable[] {
  if (!('trainableWeights' in model)) return model.variables;
  return (model.weights ?? model.trainableWeights).map((weight) => weight.read() as tf.Variable);
}
