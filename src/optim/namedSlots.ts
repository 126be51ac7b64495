import type * as tf from '@tensorflow/tfjs';

import { ModelError } from '../core/errors.js';
import type { OptimizerState } from '../core/optimizer.js';
import { tensors } from '../core/tensors.js';
import { flatten, unflatten, type WeightSlot } from '../core/weights.js';

/** An optimizer's state by names: what a checkpoint holds. */
export interface NamedSlots {
  /** By variable, then by slot; each tensor has its variable's shape. */
  readonly variables: Readonly<Record<string, Readonly<Record<string, tf.Tensor>>>>;
  /** What belongs to no single variable: a step count, a power of β. */
  readonly scalars: Readonly<Record<string, tf.Tensor>>;
}

/**
 * Cuts an optimizer's state up by the names of the variables.
 *
 * Vectors say nothing of which variable lies where; saved by name, they survive layers that are built in another order.
 *
 * **Cost**: one split a slot, and a reshape a variable and slot. **Memory**: the state once more.
 * **Ownership**: the caller owns the tensors returned; `state` stays as it is.
 *
 * @example
 * ```ts
 * const { variables, scalars } = toNamedSlots(state, weights.slots); // variables['dense/kernel'].first
 * ```
 *
 * @param state - As an optimizer's `init` or `update` gave it for `slots`.
 * @param slots - Where the variables lie in the vectors.
 * @see {@link fromNamedSlots} for the way back.
 */
export function toNamedSlots(state: OptimizerState, slots: readonly WeightSlot[]): NamedSlots {
  const { clone, tidy } = tensors();
  return tidy(() => {
    const entries = Object.entries(state);
    const cut = entries.flatMap(([slot, vector]) =>
      vector.rank === 1 ? [[slot, unflatten(vector as tf.Tensor1D, slots)] as const] : [],
    );
    return {
      variables: Object.fromEntries(
        slots.map(({ name }, i) => [name, Object.fromEntries(cut.map(([slot, parts]) => [slot, parts[i]!]))]),
      ),
      scalars: Object.fromEntries(entries.flatMap(([slot, value]) => (value.rank === 0 ? [[slot, clone(value)]] : []))),
    };
  });
}

/**
 * Puts a state that was saved by names together again, in the order in which the variables stand now.
 *
 * Every variable must be there, with the same slots, in its own shape, and none besides: a state that only nearly fits would train on
 * quietly with the wrong memory.
 *
 * **Cost**: a reshape a variable and slot, and one concatenation a slot. **Memory**: the state once more.
 * **Ownership**: the caller owns the tensors returned; those in `named` stay as they are.
 *
 * @example
 * ```ts
 * const state = tf.tidy(() => fromNamedSlots(named, weights.slots, optimizer.init(weights.slots)));
 * ```
 *
 * @param named - As {@link toNamedSlots} gave it.
 * @param slots - Where the variables lie now.
 * @param like - A state of the optimizer that is to go on, whose slots there must be; the caller still owns it. Left out, the slots are not checked:
 * another optimizer's state would pass.
 * @throws {@link ModelError}, with the names of the variables at fault, if a variable or slot is missing, is one too many, or has another shape.
 */
export function fromNamedSlots(named: NamedSlots, slots: readonly WeightSlot[], like?: OptimizerState): OptimizerState {
  const { clone, tidy } = tensors();
  const { variables, scalars } = named;
  sameNames(
    slots.map(({ name }) => name),
    Object.keys(variables),
    'must hold the variables of the model',
    (names) => names,
  );

  const ofRank = (rank: number): string[] | undefined =>
    like && Object.keys(like).filter((slot) => like[slot]!.rank === rank);
  const vectors = ofRank(1) ?? Object.keys(variables[slots[0]!.name]!);
  sameNames(ofRank(0) ?? Object.keys(scalars), Object.keys(scalars), 'must hold the scalars of the optimizer');
  for (const { name, shape } of slots) {
    const saved = variables[name]!;
    sameNames(vectors, Object.keys(saved), `must hold the slots of the optimizer for '${name}'`, () => [name]);
    for (const slot of vectors) {
      if (saved[slot]!.shape.join() !== shape.join()) {
        const message = `fromNamedSlots: '${slot}' of '${name}' must have shape [${shape}], received [${saved[slot]!.shape}]`;
        throw new ModelError(message, [name]);
      }
    }
  }

  return tidy(() => ({
    ...Object.fromEntries(vectors.map((slot) => [slot, flatten(slots.map(({ name }) => variables[name]![slot]!))])),
    ...Object.fromEntries(Object.entries(scalars).map(([slot, value]) => [slot, clone(value)])),
  }));
}

/** Throws unless the two lists hold the same names; `at` says from the names at fault which variables are. */
function sameNames(
  expected: readonly string[],
  received: readonly string[],
  rule: string,
  at: (names: readonly string[]) => readonly string[] = () => [],
): void {
  const missing = expected.filter((name) => !received.includes(name));
  const extra = received.filter((name) => !expected.includes(name));
  if (missing.length + extra.length === 0) return;
  const list = (names: readonly string[]): string => names.map((name) => `'${name}'`).join(', ') || 'none';
  const message = `fromNamedSlots: the saved state ${rule}, received without ${list(missing)}, with besides ${list(extra)}`;
  throw new ModelError(message, at([...missing, ...extra]));
}
