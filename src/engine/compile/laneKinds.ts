import { FLOAT, type GraphNode, type Literal } from './graph.js';
import { ALONG, SUMMING, type Call, type LaneKind } from './laneRules.js';
import type { Program } from './program.js';

/** What moves numbers, or adds up those of one tensor: of sums they make sums, of means means. */
const MOVING = new Set(
  'ExpandDims Identity Mean Neg Reshape Slice Split SplitV Squeeze Sum Transpose Unpack'.split(' '),
);
/** What adds tensors, or puts them side by side: they must be of one kind. */
const JOINING = new Set(['Add', 'AddN', 'AddV2', 'ConcatV2', 'Pack', 'Sub']);
/** Linear in either of two factors, and in the first input only. */
const PRODUCTS = new Set(['BatchMatMulV2', 'MatMul', 'Mul']);
const LINEAR_IN_FIRST = new Set(['GatherV2', 'RealDiv', 'UnsortedSegmentSum']);
/** The same number everywhere, or the same row. */
const FILLING = new Set(['Fill', 'Tile', 'BroadcastTo']);
/** Inputs that are shapes, which go with the number of samples. */
const SHAPES: Readonly<Record<string, readonly number[]>> = {
  ...{ AvgPoolGrad: [0], BroadcastTo: [1], Conv2DBackpropInput: [0], Conv3DBackpropInputV2: [0] },
  ...{ DepthwiseConv2dNativeBackpropInput: [0], Fill: [0], Pad: [1], PadV2: [1], Reshape: [1] },
  ...{ Slice: [1, 2], SplitV: [1], Tile: [1] },
};

/**
 * The kinds of everything that a pass computes, by name, from recordings of it over a whole batch and over one lane of `count`.
 *
 * Shapes tell along which axis the samples lie: it is `count` times as long in the whole. Whether an op keeps them apart, each has to say for itself; those that
 * do not are unknown, and so is what depends on them.
 *
 * @param of - A gradient goes with what it begins with, the share of the lane's loss: there, numbers that depend on how many samples there are do no harm.
 */
export function laneKinds(
  whole: Program,
  lane: Program,
  count: number,
  of: 'values' | 'gradients',
): ReadonlyMap<string, LaneKind> | undefined {
  const kinds = new Map<string, LaneKind>();
  const axisOf = (long: readonly number[], short: readonly number[]): LaneKind => {
    const differing = long.flatMap((size, axis) => (size === short[axis] ? [] : [axis]));
    const [axis = -1, ...more] = differing;
    if (long.length !== short.length || more.length > 0) return 'unknown';
    return axis < 0 ? 'shared' : long[axis] === count * short[axis]! ? axis : 'unknown';
  };
  whole.feeds.forEach(({ shape }, i) => kinds.set(`feed${i}`, axisOf(shape, lane.feeds[i]!.shape)));
  if (whole.hosts.length !== lane.hosts.length || whole.nodes.length !== lane.nodes.length) return undefined;
  const sized = new Set<string>();
  whole.hosts.forEach((host, i) => {
    const part = lane.hosts[i]!;
    const kind = axisOf(host.shape, part.shape);
    const same = host.random !== undefined || kind === 'unknown' || isRepeated(host, part, kind, count);
    kinds.set(host.name, same || kind === 'shared' ? kind : 'unknown');
    if (!same && of === 'values') sized.add(host.name);
  });
  const constants = new Map(whole.hosts.map(({ name, values }) => [name, values]));
  for (const [i, node] of whole.nodes.entries()) {
    const part = lane.nodes[i]!;
    if (node.op !== part.op || node.input.join() !== part.input.join()) return undefined;
    const inputs = node.input.map((ref, at): LaneKind => {
      if (sized.has(ref) && SHAPES[node.op]?.includes(at) !== true) return 'unknown';
      return kinds.get(ref) ?? 'shared'; // what is left are variables
    });
    const constant = (at: number) => constants.get(node.input[at]!);
    node.shapes!.out.forEach((shape, at) => {
      const name = at ? `${node.name}:${at}` : node.name;
      kinds.set(name, kindOf(node, { node, inputs, constant }, axisOf(shape, part.shapes!.out[at]!), of));
    });
  }
  return kinds;
}

/** The kind of an op's output, given what its shape says. */
function kindOf({ op, shapes }: GraphNode, call: Call, byShape: LaneKind, of: 'values' | 'gradients'): LaneKind {
  const { inputs } = call;
  const along = inputs.some((kind) => typeof kind === 'number');
  const reduced = (['summed', 'averaged'] as const).filter((kind) => inputs.includes(kind));
  const [over = 'shared'] = reduced;
  if (inputs.includes('unknown') || byShape === 'unknown' || reduced.length > (along ? 0 : 1)) return 'unknown';
  const axis = typeof byShape === 'number' ? byShape : undefined;
  if (along) {
    if (axis === undefined) return SUMMING[op]?.(call) !== true ? 'unknown' : op === 'Mean' ? 'averaged' : 'summed';
    return ALONG[op]?.(call, axis) ? axis : 'unknown';
  }
  if (axis !== undefined) {
    const [from = []] = op === 'Fill' ? [] : shapes!.in;
    const before = from[axis - (shapes!.out[0]!.length - from.length)] ?? 1;
    return over === 'shared' && FILLING.has(op) && before === 1 ? axis : 'unknown';
  }
  if (over === 'shared' || MOVING.has(op)) return over;
  if (op === 'Cast') return toFloat(call.node) ? over : 'unknown'; // to whole numbers it would round
  if (JOINING.has(op)) {
    const values = op === 'ConcatV2' ? inputs.slice(0, -1) : inputs;
    // The mean of what is the same in each lane is that; its sum is not.
    return over === 'averaged' || of === 'gradients' || values.every((kind) => kind === over) ? over : 'unknown';
  }
  const [first, ...others] = inputs.map((kind) => kind === over);
  if (others.includes(true) && !(PRODUCTS.has(op) && !first)) return 'unknown';
  return PRODUCTS.has(op) || LINEAR_IN_FIRST.has(op) ? over : 'unknown';
}

function toFloat({ attr }: GraphNode): boolean {
  return (attr['DstT'] as { readonly type?: number } | undefined)?.type === FLOAT;
}

/** Whether a tensor, or each lane's part of it, holds the numbers of the lane's. */
function isRepeated({ shape, values }: Literal, part: Literal, kind: LaneKind, count: number): boolean {
  const [axis, lanes] = typeof kind === 'number' ? [kind, count] : [0, 1];
  const length = shape.slice(axis).reduce((size, each) => size * each, 1) / lanes;
  // Loops: there may be as many as a batch has activations.
  for (let at = 0; at < values.length; at++) {
    const block = Math.floor(at / length / lanes);
    if (!Object.is(values[at], part.values[block * length + (at % length)])) return false;
  }
  return true;
}
