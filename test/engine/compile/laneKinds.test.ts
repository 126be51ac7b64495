import { describe, expect, it } from 'vitest';

import { FLOAT, INT, type Attr, type GraphNode } from '../../../src/engine/compile/graph.js';
import { laneKinds } from '../../../src/engine/compile/laneKinds.js';
import type { LaneKind } from '../../../src/engine/compile/laneRules.js';
import type { Program } from '../../../src/engine/compile/program.js';

/** 'n' is the number of samples, 'nt' as many rows of three each: 6 in the whole, 3 in a lane, and 18 and 9. */
type Length = number | 'n' | 'nt';
type Shape = readonly Length[];
const LENGTHS = { whole: { n: 6, nt: 18 }, lane: { n: 3, nt: 9 } };
const SUM = 'a sum over samples';
const MEAN = 'a mean over samples';
const COUNT = 'the number of samples';
const constant = (...values: number[]) => ({ values });
/** An input: of samples or the same for all by its shape, a sum or a mean over samples, their number, or numbers that are the same in every run. */
type Input = Shape | readonly [typeof SUM | typeof MEAN, Shape] | typeof COUNT | { readonly values: readonly number[] };

const isShape = (input: Input): input is Shape => Array.isArray(input) && input[0] !== SUM && input[0] !== MEAN;

function programOf(
  of: keyof typeof LENGTHS,
  op: string,
  inputs: readonly Input[],
  outs: readonly Shape[],
  attr: Record<string, Attr>,
): Program {
  const sized = (shape: Shape): number[] => shape.map((size) => (typeof size === 'number' ? size : LENGTHS[of][size]));
  const nodes: GraphNode[] = [];
  const hosts: object[] = [];
  const feeds: { dtype: number; shape: number[] }[] = [];
  const feed = (shape: Shape): string => `feed${feeds.push({ dtype: FLOAT, shape: sized(shape) }) - 1}`;
  const shapes: number[][] = [];
  const input = inputs.map((each, i) => {
    if (!Array.isArray(each)) {
      const { values } = each === COUNT ? { values: [LENGTHS[of].n] } : (each as { values: number[] });
      hosts.push({ name: `host${i}`, op, dtype: FLOAT, shape: [values.length], values: Float32Array.from(values) });
      shapes.push([values.length]);
      return `host${i}`;
    }
    const shape = isShape(each) ? each : (each[1] as Shape);
    shapes.push(sized(shape));
    if (isShape(each)) return feed(shape);
    hosts.push({ name: `axes${i}`, op, dtype: FLOAT, shape: [1], values: Float32Array.of(0) });
    const long: Shape = ['n', ...shape];
    nodes.push({ name: `sum${i}`, op: each[0] === SUM ? 'Sum' : 'Mean', input: [feed(long), `axes${i}`], attr: {}, shapes: { in: [sized(long), [1]], out: [sized(shape)] } }); // prettier-ignore
    return `sum${i}`;
  });
  nodes.push({ name: 'it', op, input, attr, shapes: { in: shapes, out: outs.map(sized) } });
  return { feeds, nodes, hosts } as unknown as Program;
}

/** The kind of what an op gives. */
function kindOf([op, inputs, out, attr = {}]: Case, of: 'values' | 'gradients' = 'gradients'): LaneKind {
  const [whole, lane] = (['whole', 'lane'] as const).map((of) => programOf(of, op, inputs, [out], attr));
  return laneKinds(whole!, lane!, 2, of)!.get('it')!;
}

const on = { b: true };
const i = (value: number): Attr => ({ i: value });

type Case = readonly [op: string, inputs: readonly Input[], out: Shape, attr?: Record<string, Attr>];
/** What lanes do as they are told, each with the axis along which they lie in the outcome. */
const ALONG: readonly (readonly [number, ...Case])[] = [
  [0, 'Relu', [['n', 4]], ['n', 4]],
  [1, 'Add', [[4, 'n'], ['n']], [4, 'n']],
  [0, 'Mul', [['n', 4], [4]], ['n', 4]],
  [
    0,
    'Select',
    [
      ['n', 4],
      ['n', 4],
      ['n', 4],
    ],
    ['n', 4],
  ],
  [
    0,
    'Conv2D',
    [
      ['n', 5, 5, 2],
      [3, 3, 2, 4],
    ],
    ['n', 3, 3, 4],
  ],
  [0, 'Conv2DBackpropInput', [constant(6, 5, 5, 2), [3, 3, 2, 4], ['n', 3, 3, 4]], ['n', 5, 5, 2]],
  [
    0,
    'MaxPoolGrad',
    [
      ['n', 4, 4, 2],
      ['n', 2, 2, 2],
      ['n', 2, 2, 2],
    ],
    ['n', 4, 4, 2],
  ],
  [0, 'AvgPoolGrad', [constant(6, 4, 4, 2), ['n', 2, 2, 2]], ['n', 4, 4, 2]],
  [0, 'FusedBatchNorm', [['n', 2, 2, 4], [4], [4], [4], [4]], ['n', 2, 2, 4], { is_training: { b: false } }],
  [0, 'Sum', [['n', 4], constant(1)], ['n']],
  [0, 'Max', [['n', 4], constant(-1)], ['n']],
  [1, 'Mean', [[4, 5, 'n'], constant(0)], [5, 'n']],
  [2, 'Mean', [[4, 5, 'n'], constant(0)], [1, 5, 'n'], { keep_dims: on }],
  [0, 'Reshape', [['n', 3, 4], constant(-1, 4)], ['nt', 4]],
  [0, 'Reshape', [['nt', 4], constant(-1, 12)], ['n', 12]],
  [1, 'Reshape', [[4, 'n'], constant(2, 2, 6)], [4, 'n', 1]],
  [1, 'ExpandDims', [['n', 4], constant(0)], [1, 'n', 4]],
  [1, 'Transpose', [['n', 4], constant(1, 0)], [4, 'n']],
  [0, 'Slice', [['n', 4], constant(0, 1), constant(-1, 2)], ['n', 2]],
  [0, 'PadV2', [['n', 4], constant(0, 0, 1, 1), []], ['n', 6]],
  [0, 'ReverseV2', [['n', 4], constant(1)], ['n', 4]],
  [0, 'Cumsum', [['n', 4], constant(-1)], ['n', 4]],
  [0, 'Softmax', [['n', 4]], ['n', 4]],
  [0, 'Split', [constant(1), ['n', 4]], ['n', 2]],
  [0, 'SplitV', [['n', 4], constant(1, 3), constant(1)], ['n', 1]],
  [0, 'ConcatV2', [['n', 4], ['n', 1], constant(1)], ['n', 5]],
  [0, 'Pack', [['n'], ['n']], ['n', 2], { axis: i(1) }],
  [1, 'Pack', [['n'], ['n']], [2, 'n'], { axis: i(0) }],
  [0, 'Unpack', [[3, 'n', 4]], ['n', 4], { axis: i(0) }],
  [0, 'Unpack', [['n', 3, 4]], ['n', 4], { axis: i(1) }],
  [0, 'GatherV2', [[7, 4], ['n', 3], constant(0)], ['n', 3, 4]],
  [1, 'GatherV2', [[7, 4], ['n'], constant(-1)], [7, 'n']],
  [1, 'GatherV2', [[7, 'n'], [2], constant(0)], [2, 'n']],
  [2, 'GatherV2', [[7, 'n'], [2, 3], constant(0)], [2, 3, 'n']],
  [0, 'OneHot', [['n'], constant(4), [], []], ['n', 4], { axis: i(-1) }],
  [
    1,
    'BatchMatMulV2',
    [
      [1, 'n', 4],
      [1, 4, 5],
    ],
    [1, 'n', 5],
  ],
  [
    1,
    'BatchMatMulV2',
    [
      [1, 4, 'n'],
      [1, 4, 5],
    ],
    [1, 'n', 5],
    { adj_x: on },
  ],
  [
    2,
    'BatchMatMulV2',
    [
      [1, 4, 5],
      [1, 5, 'n'],
    ],
    [1, 4, 'n'],
  ],
  [
    2,
    'BatchMatMulV2',
    [
      [1, 4, 5],
      [1, 'n', 5],
    ],
    [1, 4, 'n'],
    { adj_y: on },
  ],
  [
    0,
    'BatchMatMulV2',
    [
      ['n', 3, 4],
      ['n', 4, 5],
    ],
    ['n', 3, 5],
  ],
  [
    0,
    'BatchMatMulV2',
    [
      ['n', 3, 4],
      [1, 4, 5],
    ],
    ['n', 3, 5],
  ],
  [
    0,
    'MatMul',
    [
      [4, 'n'],
      [4, 5],
    ],
    ['n', 5],
    { transpose_a: on },
  ],
  [0, 'Fill', [constant(6, 4), []], ['n', 4]],
  [0, 'Tile', [[1, 4], constant(6, 1)], ['n', 4]],
  [0, 'Tile', [['n', 1], constant(1, 4)], ['n', 4]],
];
/** What adds up. */
const SUMMED: readonly Case[] = [
  ['Sum', [['n', 4], constant(0)], [4]],
  ['Sum', [[4, 'n'], constant(-1)], [4]],
  [
    'BatchMatMulV2',
    [
      [1, 'n', 4],
      [1, 'n', 5],
    ],
    [1, 4, 5],
    { adj_x: on },
  ],
  [
    'MatMul',
    [
      ['nt', 4],
      ['nt', 5],
    ],
    [4, 5],
    { transpose_a: on },
  ],
  [
    'MatMul',
    [
      [4, 'n'],
      [5, 'n'],
    ],
    [4, 5],
    { transpose_b: on },
  ],
  ['Conv2DBackpropFilter', [['n', 5, 5, 2], constant(3, 3, 2, 4), ['n', 3, 3, 4]], [3, 3, 2, 4]],
  ['UnsortedSegmentSum', [['n', 4], ['n'], constant(7)], [7, 4]],
  [
    'Add',
    [
      [SUM, [4]],
      [SUM, [4]],
    ],
    [4],
  ],
  ['Reshape', [[SUM, [4]], constant(2, 2)], [2, 2]],
  ['Mul', [[4], [SUM, [4]]], [4]],
  ['RealDiv', [[SUM, [4]], [4]], [4]],
  ['UnsortedSegmentSum', [[SUM, [4, 2]], [4], constant(7)], [7, 2]],
];
/** What goes together only if one sees all samples at once. */
const UNKNOWN: readonly Case[] = [
  ['Relu', [['n', 4]], [4, 'n']],
  [
    'Add',
    [
      ['n', 4],
      [4, 'n'],
    ],
    ['n', 4],
  ],
  [
    'Add',
    [
      ['n', 4],
      [SUM, [4]],
    ],
    ['n', 4],
  ],
  ['NoOpOfThatName', [['n', 4]], ['n', 4]],
  [
    'Conv2D',
    [
      [5, 'n', 5, 2],
      [3, 3, 2, 4],
    ],
    [5, 'n', 3, 4],
  ],
  [
    'Conv2D',
    [
      [5, 5, 5, 2],
      ['n', 3, 2, 4],
    ],
    ['n', 3, 3, 4],
  ],
  ['FusedBatchNorm', [['n', 2, 2, 4], [4], [4], [], []], ['n', 2, 2, 4], { is_training: on }],
  ['FusedBatchNorm', [['n', 2, 2, 4], [4], [4], [], []], ['n', 2, 2, 4]],
  ['Max', [['n', 4], constant(0)], [4]],
  ['Max', [[4, 'n'], constant(-1)], [4]],
  ['Sum', [['n', 4], [1]], ['n']],
  ['Mean', [[4, 5, 'n'], constant(0)], ['n', 5]],
  ['Reshape', [['n', 3], constant(3, 6)], [3, 'n']],
  ['Transpose', [['n', 4], constant(0, 1)], [4, 'n']],
  ['Slice', [['nt', 4], constant(0, 0), constant(6, 4)], ['n', 4]],
  ['Pad', [['n', 4], constant(6, 6, 0, 0)], ['nt', 4]],
  ['Tile', [['n', 4], constant(3, 1)], ['nt', 4]],
  ['Tile', [[3, 4], constant(2, 1)], ['n', 4]],
  ['Range', [constant(0), constant(6), constant(1)], ['n']],
  ['ReverseV2', [['n', 4], constant(0)], ['n', 4]],
  ['ReverseV2', [['n', 4], constant(1, 0)], ['n', 4]],
  ['Cumsum', [[4, 'n'], constant(-1)], [4, 'n']],
  ['Softmax', [[4, 'n']], [4, 'n']],
  ['Split', [constant(0), ['nt', 4]], ['n', 4]],
  ['SplitV', [['nt', 4], constant(6, 12), constant(0)], ['n', 4]],
  ['ConcatV2', [['n', 4], ['n', 4], ['n', 4], constant(0)], ['nt', 4]],
  ['ConcatV2', [['n', 4], [4, 'n'], constant(1)], ['n', 4]],
  ['Pack', [['n'], ['n']], ['n', 2], { axis: i(0) }],
  ['Unpack', [['n', 4]], [4], { axis: i(0) }],
  ['GatherV2', [['n', 4], ['n'], constant(0)], ['n', 4]],
  ['GatherV2', [['nt', 4], [6], constant(0)], ['n', 4]],
  ['GatherV2', [['n', 4], ['n', 2], constant(1)], ['n', 2], { batch_dims: i(1) }],
  ['OneHot', [['n'], constant(4), [], []], [4, 'n'], { axis: i(0) }],
  [
    'BatchMatMulV2',
    [
      ['n', 4],
      [4, 'n'],
    ],
    ['n', 'n'],
  ],
  [
    'BatchMatMulV2',
    [
      [1, 'n', 4],
      ['n', 4, 5],
    ],
    ['n', 4, 5],
  ],
  [
    'MatMul',
    [
      ['n', 4],
      ['n', 5],
    ],
    [4, 5],
  ],
  [
    'MatMul',
    [
      [4, 'n'],
      [6, 5],
    ],
    [4, 5],
  ],
  ['Conv2DBackpropFilter', [['n', 5, 5, 2], constant(3, 3, 2, 4), [6, 3, 3, 4]], [3, 3, 2, 4]],
  ['UnsortedSegmentSum', [['n', 4], [6], constant(7)], [7, 4]],
  ['UnsortedSegmentSum', [[4, 2], [SUM, [4]], constant(7)], [7, 2]],
  ['Sqrt', [[SUM, [4]]], [4]],
  [
    'Mul',
    [
      [SUM, [4]],
      [SUM, [4]],
    ],
    [4],
  ],
  ['RealDiv', [[4], [SUM, [4]]], [4]],
  ['Tile', [[SUM, [1, 4]], constant(6, 1)], ['n', 4]],
];

const named = (cases: readonly Case[]) => cases.map((each) => [JSON.stringify(each), each] as const);

describe('laneKinds', () => {
  it.each(ALONG.map((each) => [JSON.stringify(each), each] as const))('lie along %s', (_name, [axis, ...given]) => {
    expect(kindOf(given)).toBe(axis);
  });

  it.each(named(SUMMED))('add up: %s', (_name, given) => {
    expect(kindOf(given)).toBe('summed');
  });

  it.each(named(UNKNOWN))('does not know %s', (_name, given) => {
    expect(kindOf(given)).toBe('unknown');
  });

  it('means are averages, and stay so', () => {
    expect(kindOf(['Mean', [['n', 4], constant(0, 1)], []], 'values')).toBe('averaged');
    expect(kindOf(['Sqrt', [[MEAN, [4]]], [4]], 'values')).toBe('unknown');
    expect(kindOf(['Cast', [[MEAN, [4]]], [4], { DstT: { type: FLOAT } }], 'values')).toBe('averaged');
    expect(kindOf(['Cast', [[MEAN, [4]]], [4], { DstT: { type: INT } }], 'values')).toBe('unknown');
    expect(kindOf(['Mul', [[MEAN, [4]], [4]], [4]], 'values')).toBe('averaged');
    expect(kindOf(['Mean', [[MEAN, [4]], constant(0)], []], 'values')).toBe('averaged');
  });

  it.each([
    ['a mean and what is the same in each lane is a mean', MEAN, [4], 'averaged', 'averaged'],
    ['a sum and that is a sum of what goes with the share of the loss alone', SUM, [4], 'unknown', 'summed'],
    ['sums and means are neither', SUM, [MEAN, [4]], 'unknown', 'unknown'],
  ] as const)('%s', (_what, one, other, asValue, asGradient) => {
    const added: Case = ['Add', [[one, [4]], other], [4]];
    expect(kindOf(added, 'values')).toBe(asValue);
    expect(kindOf(added, 'gradients')).toBe(asGradient);
  });

  it.each<[string, Case, LaneKind]>([
    ['as a shape', ['Reshape', [['n', 3, 4], COUNT], ['nt', 4]], 0],
    ['as what is filled', ['Fill', [COUNT, []], ['n', 4]], 0],
    ['as a factor, in gradients alone', ['Mul', [['n', 4], COUNT], ['n', 4]], 'unknown'],
    ['as a divisor of a sum, in gradients alone', ['RealDiv', [[SUM, [1]], COUNT], [1]], 'unknown'],
  ])('a number that goes with that of samples is taken %s', (_what, given, kind) => {
    expect(kindOf(given, 'values')).toBe(kind);
    expect(kindOf(given, 'gradients')).not.toBe('unknown');
  });

  it('what no sample goes into is the same in each lane', () => {
    expect(kindOf(['Softmax', [[4, 5]], [4, 5]])).toBe('shared');
  });

  it.each([
    ['zeros', () => 0, 0],
    ['what repeats with the lanes', (at: number) => at % 3, 0],
    ['what counts samples', (at: number) => at, 'unknown'],
  ] as const)('numbers of the host for each sample: %s', (_what, value, kind) => {
    const [whole, lane] = [6, 3].map((n) => {
      const values = Float32Array.from({ length: n }, (_, at) => value(at));
      return { feeds: [], nodes: [], hosts: [{ name: 'host0', op: '', dtype: FLOAT, shape: [n], values }] };
    });
    expect(laneKinds(whole as unknown as Program, lane as unknown as Program, 2, 'values')!.get('host0')).toBe(kind);
  });

  it('nothing of a lane that has other ops than the whole', () => {
    const whole = programOf('whole', 'Relu', [['n', 4]], [['n', 4]], {});
    const other = programOf('lane', 'Elu', [['n', 4]], [['n', 4]], {});
    expect(laneKinds(whole, other, 2, 'values')).toBeUndefined();
    expect(laneKinds(whole, { ...whole, nodes: [] }, 2, 'values')).toBeUndefined();
  });
});
