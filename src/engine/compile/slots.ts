import type * as tf from '@tensorflow/tfjs';

import { flatten, unflatten, type WeightSlot } from '../../core/weights.js';
import { FLOAT } from './graph.js';
import type { GraphVariable } from './variables.js';

type Held = Readonly<Record<string, tf.TensorInfo>>;

/** A vector of an optimizer's state as one variable in the graph for each of the weights'; every number times `unit` there. */
export interface SlotVariables {
  readonly variables: readonly GraphVariable[];
  readonly split: (vector: tf.Tensor) => Record<string, tf.Tensor>;
  readonly join: (held: Held) => tf.Tensor;
}

export function slotVariables(library: typeof tf, slot: string, slots: readonly WeightSlot[], unit = 1): SlotVariables {
  const variables = slots.map(({ shape }, i) => ({ name: `state/${slot}/${i}`, dtype: FLOAT, shape }));
  return {
    variables,
    split: (vector) => {
      const parts = unflatten(unit === 1 ? (vector as tf.Tensor1D) : library.mul(vector, unit), slots);
      return Object.fromEntries(parts.map((part, i) => [variables[i]!.name, part]));
    },
    join: (held) => {
      const vector = flatten(variables.map(({ name }) => held[name] as tf.Tensor));
      return unit === 1 ? vector : library.div(vector, unit);
    },
  };
}
