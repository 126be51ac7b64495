import type { GraphNode } from '../graph.js';
import type { Draft } from './draft.js';

/** What an op must be: its name, and what its inputs must be. */
export type OpPattern = readonly [op: string, ...inputs: Pattern[]];

/** What a ref must be: what an op computes, a constant of one number, or anything: by a name that means the same wherever it stands. */
export type Pattern = OpPattern | number | string;

/** What the names of a pattern stand for. */
export type Found = Readonly<Record<string, string>>;

const COMMUTATIVE = ['Add', 'AddV2', 'Mul'];

/** What a pattern's names stand for if a node fits it; the inputs of sums and products may come in any order. */
export function match(
  draft: Draft,
  node: GraphNode | undefined,
  pattern: OpPattern,
  found: Found = {},
): Found | undefined {
  return fits(draft, node, pattern, found)[0];
}

function fits(draft: Draft, node: GraphNode | undefined, [op, ...wanted]: OpPattern, found: Found): Found[] {
  if (node?.op !== op || node.input.length !== wanted.length) return [];
  const orders = COMMUTATIVE.includes(op) ? [node.input, node.input.toReversed()] : [node.input];
  return orders.flatMap((input) =>
    wanted.reduce<Found[]>((all, each, i) => all.flatMap((so) => is(draft, input[i]!, each, so)), [found]),
  );
}

function is(draft: Draft, ref: string, pattern: Pattern, found: Found): Found[] {
  if (typeof pattern === 'object') return fits(draft, draft.nodeAt(ref), pattern, found);
  if (typeof pattern === 'number')
    return draft.constant(ref)?.every((value) => value === Math.fround(pattern)) ? [found] : [];
  if (found[pattern] === undefined) return [{ ...found, [pattern]: ref }];
  return found[pattern] === ref ? [found] : [];
}
