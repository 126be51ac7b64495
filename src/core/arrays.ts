import type * as tf from '@tensorflow/tfjs';

import type { NdArray } from './batch.js';
import { CheckpointError } from './errors.js';
import type { Held } from './snapshot.js';
import { tensors } from './tensors.js';

/** The arrays that a stage has saved, as tensors by the same names. The caller owns them. */
export function tensorsOf({ arrays = {} }: Held): Record<string, tf.Tensor> {
  const { tensor } = tensors();
  return Object.fromEntries(Object.entries(arrays).map(([name, { data, shape }]) => [name, tensor(data, [...shape])]));
}

/** Sets variables, in order, to arrays that have been saved. */
export function assignArrays(variables: readonly tf.Variable[], arrays: Readonly<Record<string, NdArray>>): void {
  const { tensor, tidy } = tensors();
  const saved = Object.values(arrays);
  const shapesOf = (values: readonly { readonly shape: readonly number[] }[]): string =>
    values.map(({ shape }) => `[${shape.join(', ')}]`).join(' ');
  if (shapesOf(saved) !== shapesOf(variables))
    throw new CheckpointError(
      `a snapshot must be of the same model: its weights have the shapes ${shapesOf(saved)}, the model's ${shapesOf(variables)}`,
    );
  tidy(() => variables.forEach((variable, i) => variable.assign(tensor(saved[i]!.data, [...saved[i]!.shape]))));
}
