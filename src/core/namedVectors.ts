import type * as tf from '@tensorflow/tfjs';

import type { NdArray } from './batch.js';
import { matchArrays, tensorOf, type Wanted } from './matchArrays.js';
import { tensors } from './tensors.js';
import { unflatten, type WeightSlot } from './weights.js';

type Form = Pick<tf.Tensor, 'shape' | 'dtype' | 'size' | 'rank'>;

/**
 * Vectors over the weights cut by variable, as they are saved: `first` becomes `first/dense/kernel`, `first/dense/bias` and so on; what is no such
 * vector keeps its name. Whatever order the variables have in another run, and whoever reads the file, finds them by name.
 *
 * To be called in a `tidy`.
 */
export function nameVectors(
  given: Readonly<Record<string, tf.Tensor>>,
  slots: readonly WeightSlot[],
): Record<string, tf.Tensor> {
  const named = Object.entries(given).flatMap(([name, tensor]): [string, tf.Tensor][] => {
    if (!isOverWeights(tensor, slots)) return [[name, tensor]];
    return unflatten(tensor as tf.Tensor1D, slots).map((part, i) => [`${name}/${slots[i]!.name}`, part]);
  });
  return Object.fromEntries(named);
}

/**
 * The vectors again, in the order in which the variables stand now, and what else there was. The caller owns them.
 *
 * @param like - What there must be, no more and no less.
 * @throws {@link CheckpointError}, with the names at fault, if something is missing, is one too many, or has another shape.
 */
export function joinVectors(
  arrays: Readonly<Record<string, NdArray>>,
  like: Readonly<Record<string, Form>>,
  slots: readonly WeightSlot[],
  label: string,
): Record<string, tf.Tensor> {
  const wanted = Object.entries(like).map(([name, form]): readonly Wanted[] => {
    const { shape, dtype } = form;
    if (!isOverWeights(form, slots)) return [{ name, shape, dtype }];
    return slots.map((slot) => ({ name: `${name}/${slot.name}`, shape: slot.shape, dtype }));
  });
  const found = matchArrays(wanted.flat(), arrays, label);
  let taken = 0;
  const joined = Object.keys(like).map((name, i) => {
    const parts = found.slice(taken, (taken += wanted[i]!.length));
    return [name, isOverWeights(like[name]!, slots) ? concatenated(parts) : tensorOf(parts[0]!)] as const;
  });
  return Object.fromEntries(joined);
}

function isOverWeights({ rank, size }: Form, slots: readonly WeightSlot[]): boolean {
  return rank === 1 && size === slots.reduce((sum, slot) => sum + slot.size, 0);
}

function concatenated(parts: readonly NdArray[]): tf.Tensor1D {
  const { concat, tidy } = tensors();
  return tidy(() => concat(parts.map(({ data }) => tensorOf({ data, shape: [data.length] }) as tf.Tensor1D)));
}
