import { INT, type GraphNode } from '../graph.js';
import { FLOATS, isFloat, sameShape, type Draft, type Rule } from './draft.js';

/** Products of more rows than these gain nothing by being one. */
const FEW_ROWS = 256;

/**
 * A sum of products aᵀ · b is one product of all a below each other and all b below each other: the gradient of a weight that each time step uses.
 *
 * Written anew with each further summand; what is not used any more is left out.
 */
export const sumOfProducts: Rule = (node, draft) => {
  if (node.op !== 'Add' || !isFloat(node)) return undefined;
  const [out] = node.shapes!.out as [number[]];
  if (!node.shapes!.in.every((shape) => sameShape(shape, out))) return undefined;
  const before = draft.nodeAt(node.input[0]!);
  // What else there is in the sum comes first.
  const [rest, last] = before?.op === 'Add' ? before.input : [undefined, node.input[0]];
  const [left, right] = [last, node.input[1]].map((ref) => factorsOf(draft, ref!));
  if (!left || !right || right.a.length > 1) return undefined; // two such sums are of two lanes: each computes its own
  const below = (factor: 'a' | 'b'): string => stack(draft, [...left[factor], ...right[factor]]);
  const product = draft.add('MatMul', [below('a'), below('b')], [out], ATTR);
  return rest === undefined ? product : draft.add('Add', [rest, product], [out]);
};

const ATTR = { ...FLOATS, transpose_a: { b: true }, transpose_b: { b: false } };

interface Factors {
  readonly a: readonly string[];
  readonly b: readonly string[];
}

/** The matrices of aᵀ · b, one for each summand, if that is what a ref is. */
function factorsOf(draft: Draft, ref: string): Factors | undefined {
  const node = draft.nodeAt(ref);
  if (node?.op !== 'MatMul' || !isOn(node, 'transpose_a') || isOn(node, 'transpose_b')) return undefined;
  const [a, b] = node.input.map((factor) => stackedIn(draft, factor)) as [string[], string[]];
  const fitting = a.length === b.length && a.every((each) => draft.shapeOf(each)[0]! <= FEW_ROWS);
  return fitting ? { a, b } : undefined;
}

function isOn({ attr }: GraphNode, name: string): boolean {
  return (attr[name] as { readonly b: boolean } | undefined)?.b === true;
}

function stackedIn(draft: Draft, ref: string): string[] {
  const node = draft.nodeAt(ref);
  return node?.op === 'ConcatV2' && node.name.startsWith('rule') ? node.input.slice(0, -1) : [ref];
}

/** Matrices below each other. */
function stack(draft: Draft, matrices: readonly string[]): string {
  const shapes = matrices.map((ref) => draft.shapeOf(ref));
  const rows = shapes.reduce((sum, [height]) => sum + height!, 0);
  const attr = { ...FLOATS, N: { i: matrices.length }, Tidx: { type: INT } };
  return draft.add('ConcatV2', [...matrices, draft.integers([0], [])], [[rows, ...shapes[0]!.slice(1)]], attr);
}
