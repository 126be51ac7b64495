import type { Optimizer } from '../../core/optimizer.js';
import type { WeightSlot } from '../../core/weights.js';
import type { AddUpdate } from './finish.js';
import { addFlatten, addUnflatten } from './flat.js';
import { FLOAT, type Graph } from './graph.js';
import { addAssign, addRead, type GraphVariable } from './variables.js';

/** Weights of at most so many numbers are changed together, if there are some: TensorFlow's update ops take 40 µs each, however little they change. */
const SMALL = 2 ** 14;
const SOME = 4;

/** Weights that are changed as one: a large weight by itself, or all small ones that are treated alike, as a vector. */
export interface WeightGroup {
  /** Which weights, by their index. */
  readonly members: readonly number[];
  readonly slots: readonly WeightSlot[];
  readonly shape: readonly number[];
  /** What an update op changes: the weight itself, or a vector that is filled before and handed out behind it. */
  readonly target: GraphVariable;
}

/** Groups of weights, each of which stands for the variable of the same index in `targets`. */
export function weightGroups(
  { formula }: Optimizer,
  slots: readonly WeightSlot[],
  targets: readonly GraphVariable[],
): WeightGroup[] {
  const decays = (slot: WeightSlot): boolean => formula?.kind === 'adam' && formula.decays(slot);
  const small = slots.flatMap(({ size }, i) => (size <= SMALL ? [i] : []));
  const alike = [small.filter((i) => decays(slots[i]!)), small.filter((i) => !decays(slots[i]!))];
  const joined = alike.filter(({ length }) => length >= SOME);
  const single = slots.flatMap((_, i) => (joined.flat().includes(i) ? [] : [[i]]));
  return [...single, ...joined].map((members, g) => {
    const own = members.map((i) => slots[i]!);
    if (members.length === 1) return { members, slots: own, shape: own[0]!.shape, target: targets[members[0]!]! };
    const shape = [own.reduce((sum, { size }) => sum + size, 0)];
    return { members, slots: own, shape, target: { name: `together/${g}`, dtype: FLOAT, shape } };
  });
}

/** The groups whose target is a vector of several weights. */
export function joinedGroups(groups: readonly WeightGroup[]): WeightGroup[] {
  return groups.filter(({ members }) => members.length > 1);
}

/** Adds what makes one value per group of one value per weight. */
export function addGrouped(
  graph: Graph,
  name: string,
  groups: readonly WeightGroup[],
  refs: readonly string[],
): string[] {
  return groups.map(({ members, target }) => {
    const own = members.map((i) => refs[i]!);
    return own.length === 1 ? own[0]! : addFlatten(graph, `${name}/${target.name}`, own);
  });
}

/** Adds what makes one value per weight, in their order, of one value per group. */
export function addUngrouped(
  graph: Graph,
  name: string,
  groups: readonly WeightGroup[],
  refs: readonly string[],
): string[] {
  const values: string[] = [];
  groups.forEach(({ members, slots, target }, g) => {
    const own = members.length === 1 ? [refs[g]!] : addUnflatten(graph, `${name}/${target.name}`, refs[g]!, slots);
    own.forEach((value, i) => (values[members[i]!] = value));
  });
  return values;
}

/** An update of groups' targets as one of the weights: vectors are filled from the weights before, and handed out to them behind. */
export function onGroups(
  groups: readonly WeightGroup[],
  targets: readonly GraphVariable[],
  addUpdate: AddUpdate,
): AddUpdate {
  const joined = joinedGroups(groups);
  return (graph, gradients, gate) => {
    const reads = targets.map(({ name }) => `read/${name}`);
    const before = addGrouped(graph, 'before', joined, reads);
    const filled = joined.map(({ target }, i) => addAssign(graph, `fill/${target.name}`, target, before[i]!, gate));
    const updates = addUpdate(graph, gradients, [...gate, ...filled.map((name) => `^${name}`)]);
    const done = updates.map((update) => `^${update}`);
    const after = joined.map(({ target }) => addRead(graph, `after/${target.name}`, target, done));
    const values = addUngrouped(graph, 'behind', joined, after);
    const set = joined.flatMap(({ members }) =>
      members.map((i) => addAssign(graph, `behind/${targets[i]!.name}`, targets[i]!, values[i]!, gate)),
    );
    return [...updates, ...set];
  };
}
