import type * as tf from '@tensorflow/tfjs';

import type { Backend } from './backend.js';

/** Numbers that are fed as native tensors, which last until another number takes the place: most windows end with the scale and the rate of the one before. */
export interface FedNumbers {
  /** The tensors of the numbers, in order, until they are asked for again. */
  idsOf(values: readonly number[]): number[];
  close(): void;
}

export function fedNumbers(library: typeof tf): FedNumbers {
  const { binding } = library.backend() as unknown as Backend;
  const held: { readonly value: number; readonly id: number }[] = [];
  const close = (): void => held.splice(0).forEach(({ id }) => binding.deleteTensor(id));
  return {
    idsOf: (values) => {
      if (values.length !== held.length || values.some((value, i) => value !== held[i]!.value)) {
        close();
        for (const value of values)
          held.push({ value, id: binding.createTensor([], binding.TF_FLOAT, Float32Array.of(value)) });
      }
      return held.map(({ id }) => id);
    },
    close,
  };
}
