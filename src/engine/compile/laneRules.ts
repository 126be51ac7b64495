import type { GraphNode } from './graph.js';

/**
 * How a tensor of the whole batch is made of those of its lanes, each a part of the samples: the lanes' one after the other along an axis (its number), the
 * same as in each lane, their sum, their mean, or in no way that is known.
 */
export type LaneKind = number | 'shared' | 'summed' | 'averaged' | 'unknown';

/** An op on tensors of which some have the lanes along an axis; the others are the same in each lane. */
export interface Call {
  /** As it is over the whole batch. */
  readonly node: GraphNode;
  readonly inputs: readonly LaneKind[];
  /** What an input is, if it is the same in every run. */
  readonly constant: (at: number) => ArrayLike<number> | undefined;
}

type Along = (call: Call, axis: number) => boolean;

const shapeIn = ({ node }: Call, at: number): readonly number[] => node.shapes!.in[at]!;
const shapeOut = ({ node }: Call): readonly number[] => node.shapes!.out[0]!;
const flag = ({ node: { attr } }: Call, name: string): boolean => (attr[name] as { readonly b?: boolean })?.b === true;
const integer = ({ node: { attr } }: Call, name: string): number => (attr[name] as { readonly i?: number })?.i ?? 0;
const size = (lengths: readonly number[]): number => lengths.reduce((product, length) => product * length, 1);
/** Axes from the front. */
const axesAt = (call: Call, at: number): readonly number[] | undefined => {
  const values = call.constant(at);
  return values && Array.from(values, (axis) => (axis < 0 ? axis + shapeIn(call, 0).length : axis));
};
const every = ({ inputs }: Call, holds: (axis: number, at: number) => boolean): boolean =>
  inputs.every((kind, at) => typeof kind !== 'number' || holds(kind, at));

/** Number by number, shapes broadcast. */
const pointwise: Along = (call, axis) =>
  every(call, (own, at) => own - shapeIn(call, at).length === axis - shapeOut(call).length);
/** Sample by sample, the first axis those of the inputs `at`. */
const first = (...at: number[]): Along => (call, axis) => axis === 0 && every(call, (own, i) => own === 0 && at.includes(i)); // prettier-ignore
/** Along one axis, or several, that are not the samples'; `at` is the input that says which. */
const acrossOthers = (at: number): Along => (call, axis) => call.inputs[0] === axis && axesAt(call, at)?.includes(axis) === false; // prettier-ignore
const acrossLast: Along = (call, axis) => call.inputs[0] === axis && axis < shapeOut(call).length - 1;
const reduction: Along = (call, axis) => {
  const [own] = call.inputs as [number];
  const axes = axesAt(call, 1);
  if (!axes || axes.includes(own)) return false;
  return axis === (flag(call, 'keep_dims') ? own : own - axes.filter((each) => each < own).length);
};
/** The same numbers in the same order. */
const reshape: Along = (call, axis) =>
  size(shapeIn(call, 0).slice(0, call.inputs[0] as number)) === size(shapeOut(call).slice(0, axis));
/** The samples' axis is neither cut nor made longer. */
const untouched: Along = (call, axis) => call.inputs[0] === axis && shapeIn(call, 0)[axis] === shapeOut(call)[axis];
const concat: Along = (call, axis) => {
  const values = call.inputs.slice(0, -1);
  return values.every((kind) => kind === axis) && axesAt(call, values.length)?.[0] !== axis;
};
const pack: Along = (call, axis) => {
  const at = integer(call, 'axis');
  return at >= 0 && at !== axis && call.inputs.every((kind) => kind === (axis > at ? axis - 1 : axis));
};
const unpack: Along = (call, axis) => {
  const at = integer(call, 'axis');
  return at >= 0 && call.inputs[0] !== at && call.inputs[0] === (axis >= at ? axis + 1 : axis);
};
const gather: Along = (call, axis) => {
  const [params, indices] = call.inputs;
  const at = axesAt(call, 2)?.[0];
  if (at === undefined || integer(call, 'batch_dims') !== 0) return false;
  if (typeof params !== 'number') return axis === at + (indices as number);
  return typeof indices !== 'number' && params !== at && axis === (params < at ? params : params - 1 + shapeIn(call, 1).length); // prettier-ignore
};
const oneHot: Along = (call, axis) => integer(call, 'axis') === -1 && call.inputs[0] === axis && every(call, (_, at) => at === 0); // prettier-ignore

/** Where the samples lie in a factor, from behind: its rows or columns are those of the product, or summed over, or it has them in front. */
const factor = (call: Call, at: 0 | 1): 'own' | 'summed' | 'front' | undefined => {
  const kind = call.inputs[at];
  if (typeof kind !== 'number') return undefined;
  const behind = shapeIn(call, at).length - kind; // 1 the last axis, 2 the one before
  if (behind > 2) return 'front';
  const turned = ['adj_', 'transpose_'].some((name) => flag(call, name + ['xy', 'ab'][name === 'adj_' ? 0 : 1]![at]!));
  return ((behind === 2) === (at === 0)) !== turned ? 'own' : 'summed';
};
const product: Along = (call, axis) => {
  const [left, right] = [factor(call, 0), factor(call, 1)];
  const behind = shapeOut(call).length - axis;
  if (left === 'front' || right === 'front')
    return [left, right].every((each) => each === 'front' || each === undefined) && pointwise(call, axis);
  return left === 'own' ? right === undefined && behind === 2 : right === 'own' && left === undefined && behind === 1;
};

const POINTWISE =
  'Abs Acos Acosh Add AddN AddV2 Asin Asinh Atan Atan2 Atanh Cast Ceil Cos Cosh Elu EluGrad Equal Erf Exp Expm1 Floor FloorDiv FloorMod Greater GreaterEqual Identity IsFinite IsInf IsNan LeakyRelu Less LessEqual Log Log1p LogicalAnd LogicalNot LogicalOr Maximum Minimum Mul Neg NotEqual OnesLike Pow RealDiv Reciprocal Relu Relu6 ReluGrad Round Rsqrt Select SelectV2 Selu SeluGrad Sigmoid Sign Sin Sinh Softplus Sqrt Square SquaredDifference Sub Tan Tanh ZerosLike';
const ON_IMAGES =
  'AvgPool AvgPool3D BiasAdd Conv2D Conv3D DepthwiseConv2dNative MaxPool MaxPool3D ResizeBilinear ResizeNearestNeighbor';
const rules = <R>(names: string, rule: R): Record<string, R> =>
  Object.fromEntries(names.split(' ').map((name) => [name, rule]));

/** Ops that compute each lane's part from the lane's alone, if what they ask holds; `axis` is the lanes' in the output. */
export const ALONG: Readonly<Record<string, Along>> = {
  ...rules(POINTWISE, pointwise),
  ...rules(ON_IMAGES, first(0)),
  ...rules('Conv2DBackpropInput Conv3DBackpropInputV2 DepthwiseConv2dNativeBackpropInput', first(2)),
  ...rules('MaxPoolGrad MaxPool3DGrad', first(0, 1, 2)),
  ...rules('AvgPoolGrad AvgPool3DGrad', first(1)),
  ...rules('ResizeBilinearGrad ResizeNearestNeighborGrad', first(0, 1)),
  ...rules('Sum Mean Max Min Prod All Any ArgMax ArgMin', reduction),
  ...rules('Reshape ExpandDims Squeeze', reshape),
  ...rules('Slice Pad PadV2 MirrorPad Tile BroadcastTo', untouched),
  ...rules('ReverseV2 Cumsum Cumprod', acrossOthers(1)),
  ...rules('Softmax LogSoftmax', acrossLast),
  ...rules('BatchMatMulV2 MatMul', product),
  FusedBatchNorm: (call, axis) =>
    (call.node.attr['is_training'] as { readonly b?: boolean } | undefined)?.b === false && first(0)(call, axis),
  Transpose: (call, axis) => call.constant(1)?.[axis] === call.inputs[0],
  Split: (call, axis) => call.inputs[1] === axis && call.constant(0)?.[0] !== axis,
  SplitV: acrossOthers(2),
  ConcatV2: concat,
  Pack: pack,
  Unpack: unpack,
  GatherV2: gather,
  OneHot: oneHot,
};

/** Sums over the samples of a kernel's gradient: of images, and of what has come in behind. */
const ofKernel = (call: Call): boolean => call.inputs[0] === 0 && call.inputs[1] === 'shared' && call.inputs[2] === 0;
const reduced = (call: Call): boolean => axesAt(call, 1)?.includes(call.inputs[0] as number) === true;

/** Ops whose output is the sum of what the lanes give; of means, the mean: each lane's is over as many. */
export const SUMMING: Readonly<Record<string, (call: Call) => boolean>> = {
  ...rules('Sum Mean', reduced),
  ...rules('Conv2DBackpropFilter Conv3DBackpropFilterV2 DepthwiseConv2dNativeBackpropFilter', ofKernel),
  ...rules('BatchMatMulV2 MatMul', (call: Call) => factor(call, 0) === 'summed' && factor(call, 1) === 'summed'),
  UnsortedSegmentSum: (call) => call.inputs[0] === 0 && call.inputs[1] === 0,
};
