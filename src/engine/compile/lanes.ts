import { FLOAT, INT, nodeOf, type GraphNode } from './graph.js';
import { laneKinds } from './laneKinds.js';
import type { LaneKind } from './laneRules.js';
import type { Program } from './program.js';
import type { Settled } from './settle.js';

const MEANS = new Set<LaneKind | undefined>(['averaged', 'shared']);
const SUMS = new Set<LaneKind | undefined>(['summed', 'averaged', 'shared']);

/**
 * A pass in lanes: each core computes its part of the samples from the first op to the last, and what they give is added up.
 *
 * Cores that share every op wait for each other hundreds of times in a pass, often as long as the op takes; in lanes they meet once.
 *
 * @param whole - The pass as it has been recorded.
 * @param lane - The same pass, recorded over as many samples as one of `count` lanes has.
 * @returns undefined unless it is certain that samples meet nowhere but in sums.
 */
export function inLanes(whole: Program, lane: Program, count: number): Program | undefined {
  const kinds = kindsIfApart(whole, lane, count);
  const start = gradientStart(lane);
  if (!kinds || start === undefined) return undefined;

  const nodes: GraphNode[] = [];
  const hosts: Settled[] = [];
  const constant = (values: Float32Array | Int32Array): string => {
    const name = `host${lane.hosts.length + hosts.length}`;
    hosts.push({ name, op: 'a lane', dtype: values instanceof Int32Array ? INT : FLOAT, shape: [], values });
    return name;
  };
  /** What is cut into one part for each lane: the batch, and numbers drawn for its samples, which are those of a pass without lanes. */
  const cut = new Map<string, string>();
  const lanes = Array.from({ length: count }, (_, l) => l);
  const addCut = (ref: string, dtype: number, shape: readonly number[], part: readonly number[]): void => {
    const axis = kinds.get(ref);
    if (typeof axis !== 'number') return;
    const input = [constant(Int32Array.of(axis)), ref];
    const attr = { T: { type: dtype }, num_split: { i: count } };
    nodes.push({
      name: `cut/${ref}`,
      op: 'Split',
      input,
      attr,
      shapes: { in: [[], shape], out: lanes.map(() => part) },
    });
    cut.set(ref, `cut/${ref}`);
  };
  whole.feeds.forEach(({ dtype, shape }, i) => addCut(`feed${i}`, dtype, shape, lane.feeds[i]!.shape));
  whole.hosts.forEach(
    ({ name, random, dtype, shape }, i) => random && addCut(name, dtype, shape, lane.hosts[i]!.shape),
  );

  const own = new Set(lane.nodes.filter((node) => refsOf(node).some((ref) => kinds.get(ref) !== 'shared')).map(({ name }) => name)); // prettier-ignore
  const inLane = (ref: string, l: number): string => {
    const [node, parts] = [nodeOf(ref), cut.get(ref)];
    if (parts !== undefined) return l ? `${parts}:${l}` : parts;
    return own.has(node) ? `lane${l}/${ref}` : ref;
  };
  nodes.push(...lane.nodes.filter(({ name }) => !own.has(name)));
  for (const l of lanes)
    for (const node of lane.nodes.filter(({ name }) => own.has(name)))
      nodes.push({ ...node, name: inLane(node.name, l), input: node.input.map((ref) => inLane(ref, l)) });

  const outputs = lane.nodes.flatMap((node) => refsOf(node).map((ref, at) => [ref, node.shapes!.out[at]!] as const));
  const shapes = new Map([...outputs, ...lane.hosts.map(({ name, shape }) => [name, shape] as const)]);
  const addFloat = (op: string, input: string[], shape: readonly number[]): string => {
    const name = `joined${nodes.length}`;
    nodes.push({ name, op, input, attr: { T: { type: FLOAT } }, shapes: { in: [shape, shape], out: [shape] } });
    return name;
  };
  const sum = (ref: string): string =>
    lanes.map((l) => inLane(ref, l)).reduce((left, right) => addFloat('Add', [left, right], shapes.get(ref)!));
  const share = constant(Float32Array.of(1 / count));
  const mean = (ref: string): string => addFloat('Mul', [sum(ref), share], []);
  const result = { loss: mean(lane.loss), metrics: lane.metrics.map(mean), gradients: lane.gradients.map(sum) };
  const given = lane.hosts.map((host, i) => {
    // The gradients of the lanes' losses by the whole's, which is their mean.
    if (host.name === start) return { ...host, values: Float32Array.of(1 / count) };
    return whole.hosts[i]!.random ? whole.hosts[i]! : host;
  });
  return { ...whole, ...result, nodes, hosts: [...given, ...hosts] };
}

/** The kinds of what is computed, if loss and metrics are means of the lanes', and gradients sums. */
function kindsIfApart(whole: Program, lane: Program, count: number): ReadonlyMap<string, LaneKind> | undefined {
  const values = laneKinds(whole, lane, count, 'values');
  const kinds = laneKinds(whole, lane, count, 'gradients');
  const areMeans = [whole.loss, ...whole.metrics].every((ref) => MEANS.has(values?.get(ref)));
  const areSums = whole.gradients.every((ref) => SUMS.has(kinds?.get(ref)));
  return areMeans && areSums && whole.assigned.length === 0 ? kinds : undefined;
}

/** What an op's outputs are called. */
function refsOf({ name, shapes }: GraphNode): string[] {
  return shapes!.out.map((_, at) => (at ? `${name}:${at}` : name));
}

/** The number 1 that the gradients start from: what the first op behind the loss takes. */
function gradientStart({ nodes, hosts, loss }: Program): string | undefined {
  const first = nodes[nodes.findIndex(({ name }) => name === nodeOf(loss)) + 1];
  const isOne = ({ name, shape, values }: Settled): boolean =>
    first?.input.includes(name) === true && shape.length === 0 && values[0] === 1;
  return hosts.find(isOne)?.name;
}
