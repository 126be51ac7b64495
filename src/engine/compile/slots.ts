import type * as tf from '@tensorflow/tfjs';

import { flatten, unflatten, type WeightSlot } from '../../core/weights.js';
import { FLOAT } from './graph.js';
import type { GraphVariable } from './variables.js';
import type { WeightGroup } from './weightGroups.js';

type Held = Readonly<Record<string, tf.TensorInfo>>;

/** A vector of an optimizer's state as one variable in the graph for each group of weights. */
export interface SlotVariables {
  readonly variables: readonly GraphVariable[];
  readonly split: (vector: tf.Tensor) => Record<string, tf.Tensor>;
  /** The state by the names of the weights. */
  readonly named: (held: Held) => Record<string, tf.Tensor>;
}

export function slotVariables(
  slot: string,
  slots: readonly WeightSlot[],
  groups: readonly WeightGroup[],
): SlotVariables {
  const variables = groups.map(({ shape }, i) => ({ name: `state/${slot}/${i}`, dtype: FLOAT, shape }));
  return {
    variables,
    split: (vector) => {
      const parts = unflatten(vector as tf.Tensor1D, slots);
      const grouped = groups.map(({ members }) =>
        members.length === 1 ? parts[members[0]!]! : flatten(members.map((i) => parts[i]!)),
      );
      return Object.fromEntries(grouped.map((part, i) => [variables[i]!.name, part]));
    },
    named: (held) => {
      const named = groups.flatMap(({ slots: own }, g) => {
        const value = held[variables[g]!.name] as tf.Tensor1D;
        const values = own.length === 1 ? [value] : unflatten(value, own);
        return values.map((part, i) => [`${slot}/${own[i]!.name}`, part] as const);
      });
      return Object.fromEntries(named);
    },
  };
}
