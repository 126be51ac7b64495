import type { GraphNode } from '../graph.js';
import type { Draft } from './draft.js';

/** What a ref must be: computed by an op of patterns, a constant whose elements all are a number, or anything, by a name that is the same thing wherever it stands. */
export type Pattern = string | number | [op: string, ...input: Pattern[]];

/** What the names of a pattern stand for. */
export type Found = Readonly<Record<string, string>>;

const COMMUTATIVE = ['Add', 'AddV2', 'Mul'];

/** What a pattern's names stand for if a node fits it; the inputs of sums and products may come in any order. */
export function match(draft: Draft, node: GraphNode, pattern: Exclude<Pattern, string | number>): Found | undefined {
  return computes(draft, node, pattern, {})[0];
}

function fits(draft: Draft, ref: string, pattern: Pattern, found: Found): Found[] {
  if (typeof pattern === 'string') {
    if (found[pattern] === undefined) return [{ ...found, [pattern]: ref }];
    return found[pattern] === ref ? [found] : [];
  }
  if (typeof pattern === 'number') {
    const values = draft.constant(ref);
    return values && Array.from(values).every((value) => value === Math.fround(pattern)) ? [found] : [];
  }
  return computes(draft, draft.nodeAt(ref), pattern, found);
}

function computes(
  draft: Draft,
  node: GraphNode | undefined,
  [op, ...wanted]: [string, ...Pattern[]],
  found: Found,
): Found[] {
  if (node?.op !== op || node.input.length !== wanted.length) return [];
  const orders = COMMUTATIVE.includes(op) ? [node.input, [...node.input].reverse()] : [node.input];
  return orders.flatMap((input) =>
    wanted.reduce<Found[]>((all, each, i) => all.flatMap((so) => fits(draft, input[i]!, each, so)), [found]),
  );
}
