import type * as tf from '@tensorflow/tfjs';

import { flatten, unflatten, type WeightSlot } from '../../core/weights.js';
import { FLOAT } from './graph.js';
import type { GraphVariable } from './variables.js';

type Held = Readonly<Record<string, tf.TensorInfo>>;

/** A vector of an optimizer's state as one variable in the graph for each of the weights'. */
export interface SlotVariables {
  readonly variables: readonly GraphVariable[];
  readonly split: (vector: tf.Tensor) => Record<string, tf.Tensor>;
  readonly join: (held: Held) => tf.Tensor;
}

export function slotVariables(slot: string, slots: readonly WeightSlot[]): SlotVariables {
  const variables = slots.map(({ shape }, i) => ({ name: `state/${slot}/${i}`, dtype: FLOAT, shape }));
  return {
    variables,
    split: (vector) => {
      const parts = unflatten(vector as tf.Tensor1D, slots);
      return Object.fromEntries(parts.map((part, i) => [variables[i]!.name, part]));
    },
    join: (held) => flatten(variables.map(({ name }) => held[name] as tf.Tensor)),
  };
}
