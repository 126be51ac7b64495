import type * as tf from '@tensorflow/tfjs';

import { nameVectors } from '../../core/namedVectors.js';
import type { Optimizer, OptimizerState } from '../../core/optimizer.js';
import { flatten, type Weights } from '../../core/weights.js';
import { addRecorded } from './addRecorded.js';
import type { Backend } from './backend.js';
import { addByRate, byRate, RATES } from './byRate.js';
import type { AddUpdate } from './finish.js';
import { addFlatten, addUnflatten } from './flat.js';
import { TYPES } from './graph.js';
import { SEED } from './program.js';
import { record, type Recording } from './record.js';
import { settle } from './settle.js';
import type { Update } from './update.js';
import { addAssign, type GraphVariable } from './variables.js';
import { addUngrouped, type WeightGroup } from './weightGroups.js';

/** Names of what an update makes; the state's by the names of its variables. */
interface Outcome {
  readonly weights: string;
  readonly state: Readonly<Record<string, string>>;
}

/**
 * An optimizer's update as it is written, over vectors of all weights: recorded, with the learning rate left open.
 *
 * What it makes of the learning rate on the host is found by trying several; it must be the rate times something, plus something.
 *
 * @param state - A state to try it on.
 * @param groups - What the gradients come in.
 * @param targets - The graph's variables for the weights, in order.
 * @throws CompileError if the update depends on the learning rate in another way, or cannot be recorded.
 */
export function composedUpdate(
  library: typeof tf,
  optimizer: Optimizer,
  weights: Weights,
  state: OptimizerState,
  groups: readonly WeightGroup[],
  targets: readonly GraphVariable[],
): Update {
  const attempt = (rate: number): Recording<Outcome> => recordUpdate(library, optimizer, weights, state, rate);
  const [first, far, middle] = RATES.map(attempt) as [Recording<Outcome>, Recording<Outcome>, Recording<Outcome>];
  settle(first, attempt(RATES[0])); // what differs for one rate depends on something else
  const hosts = first.hosts.map((host, i) => byRate(host, far.hosts[i], middle.hosts[i], optimizer.name));
  const variables = Object.entries(state).map(([slot, { shape, dtype }]) => ({
    name: nameOf(slot),
    dtype: TYPES[dtype]!,
    shape,
  }));

  const add: AddUpdate = (graph, gradients, gate) => {
    const read = targets.map(({ name }) => `read/${name}`);
    const known: Record<string, string> = {
      gradients: addFlatten(graph, 'update/gradients', addUngrouped(graph, 'update/each', groups, gradients)),
      weights: addFlatten(graph, 'update/weights', read),
    };
    for (const { name } of variables) known[name] = `read/${name}`;
    for (const host of hosts) addByRate(graph, `update/${host.host.name}`, host);
    const rename = addRecorded(graph, 'update/', first.nodes, [], known, SEED);
    const set = (variable: GraphVariable, value: string): string =>
      addAssign(graph, `update/set/${variable.name}`, variable, value, gate);

    const after = addUnflatten(graph, 'update/after', rename(first.result.weights), weights.slots);
    const changed = variables.filter(({ name }) => first.result.state[name] !== name);
    return [
      ...after.map((value, i) => set(targets[i]!, value)),
      ...changed.map((variable) => set(variable, rename(first.result.state[variable.name]!))),
    ];
  };
  return {
    add,
    variables,
    split: (given) => Object.fromEntries(Object.entries(given).map(([slot, tensor]) => [nameOf(slot), tensor])),
    named: (held) => {
      const vectors = Object.keys(state).map((slot) => [slot, held[nameOf(slot)] as tf.Tensor] as const);
      return nameVectors(Object.fromEntries(vectors), weights.slots);
    },
  };
}

const nameOf = (slot: string): string => `state/${slot}`;

function recordUpdate(
  library: typeof tf,
  optimizer: Optimizer,
  weights: Weights,
  state: OptimizerState,
  rate: number,
): Recording<Outcome> {
  let recording: Recording<Outcome> | undefined;
  library.tidy(() => {
    const before = flatten(weights.variables);
    const gradients = library.onesLike(before);
    const known = new Map<object, string>([
      [gradients.dataId, 'gradients'],
      [before.dataId, 'weights'],
      ...Object.entries(state).map(([slot, { dataId }]) => [dataId, nameOf(slot)] as const),
    ]);
    const recorded = record(library.backend() as unknown as Backend, known, () =>
      optimizer.update(gradients, state, before, rate),
    );
    const { result, refOf } = recorded;
    const after = Object.entries(result.state).map(([slot, tensor]) => [nameOf(slot), refOf(tensor)]);
    const names = Object.fromEntries(after) as Record<string, string>;
    recording = { ...recorded, result: { weights: refOf(result.weights), state: names } };
  });
  return recording!;
}
