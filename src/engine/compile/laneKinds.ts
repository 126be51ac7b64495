import type { GraphNode, Literal } from './graph.js';
import { ALONG, SUMMING, type Call, type LaneKind } from './laneRules.js';
import type { Program } from './program.js';

/** What stays the sum of the lanes' sums: linear ops. */
const LINEAR = new Set(
  'Add AddN AddV2 Cast ConcatV2 ExpandDims Identity Mean Neg Pack Reshape Slice Split SplitV Squeeze Sub Sum Transpose Unpack'.split(' '), // prettier-ignore
);
/** Linear in either of two factors, and in the first input only. */
const PRODUCTS = new Set(['BatchMatMulV2', 'MatMul', 'Mul']);
const LINEAR_IN_FIRST = new Set(['GatherV2', 'RealDiv', 'UnsortedSegmentSum']);
/** The same number everywhere, or the same row. */
const FILLING = new Set(['Fill', 'Tile', 'BroadcastTo']);

/**
 * The kinds of everything that a pass computes, by name, from recordings of it over a whole batch and over one lane of `count`.
 *
 * Shapes tell along which axis the samples lie: it is `count` times as long in the whole. Whether an op keeps them apart, each has to say for itself; those that
 * do not are unknown, and so is what depends on them.
 */
export function laneKinds(whole: Program, lane: Program, count: number): ReadonlyMap<string, LaneKind> | undefined {
  const kinds = new Map<string, LaneKind>();
  const axisOf = (long: readonly number[], short: readonly number[]): LaneKind => {
    const differing = long.flatMap((size, axis) => (size === short[axis] ? [] : [axis]));
    const [axis = -1, ...more] = differing;
    if (long.length !== short.length || more.length > 0) return 'unknown';
    return axis < 0 ? 'shared' : long[axis] === count * short[axis]! ? axis : 'unknown';
  };
  whole.feeds.forEach(({ shape }, i) => kinds.set(`feed${i}`, axisOf(shape, lane.feeds[i]!.shape)));
  if (whole.hosts.length !== lane.hosts.length || whole.nodes.length !== lane.nodes.length) return undefined;
  whole.hosts.forEach((host, i) => {
    const part = lane.hosts[i]!;
    const kind = axisOf(host.shape, part.shape);
    const repeats = host.random !== undefined || typeof kind !== 'number' || isRepeated(host, part, kind, count);
    kinds.set(host.name, repeats ? kind : 'unknown');
  });
  const constants = new Map(whole.hosts.map(({ name, values }) => [name, values]));
  for (const [i, node] of whole.nodes.entries()) {
    const part = lane.nodes[i]!;
    if (node.op !== part.op || node.input.join() !== part.input.join()) return undefined;
    const inputs = node.input.map((ref) => kinds.get(ref) ?? 'shared'); // what is left are variables
    const constant = (at: number) => constants.get(node.input[at]!);
    node.shapes!.out.forEach((shape, at) => {
      const name = at ? `${node.name}:${at}` : node.name;
      kinds.set(name, kindOf(node, { node, inputs, constant }, axisOf(shape, part.shapes!.out[at]!)));
    });
  }
  return kinds;
}

/** The kind of an op's output, given what its shape says. */
function kindOf({ op, shapes }: GraphNode, call: Call, byShape: LaneKind): LaneKind {
  const { inputs } = call;
  const has = (kind: LaneKind): boolean => inputs.includes(kind);
  const along = inputs.some((kind) => typeof kind === 'number');
  if (has('unknown') || byShape === 'unknown' || (along && has('summed'))) return 'unknown';
  const axis = typeof byShape === 'number' ? byShape : undefined;
  if (along) {
    if (axis === undefined) return SUMMING[op]?.(call) ? 'summed' : 'unknown';
    return ALONG[op]?.(call, axis) ? axis : 'unknown';
  }
  if (axis !== undefined) {
    const [from = []] = op === 'Fill' ? [] : shapes!.in;
    const before = from[axis - (shapes!.out[0]!.length - from.length)] ?? 1;
    return !has('summed') && FILLING.has(op) && before === 1 ? axis : 'unknown';
  }
  if (!has('summed')) return 'shared';
  if (LINEAR.has(op)) return 'summed';
  const [first, ...others] = inputs.map((kind) => kind === 'summed');
  if (others.includes(true) && !(PRODUCTS.has(op) && !first)) return 'unknown';
  return PRODUCTS.has(op) || LINEAR_IN_FIRST.has(op) ? 'summed' : 'unknown';
}

/** Whether each lane's part of a tensor holds the same numbers. */
function isRepeated({ shape, values }: Literal, part: Literal, axis: number, count: number): boolean {
  const length = shape.slice(axis).reduce((size, each) => size * each, 1) / count;
  // Loops: there may be as many as a batch has activations.
  for (let at = 0; at < values.length; at++) {
    const block = Math.floor(at / length / count);
    if (!Object.is(values[at], part.values[block * length + (at % length)])) return false;
  }
  return true;
}
