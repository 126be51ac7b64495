import type { GraphNode } from '../graph.js';
import type { Draft } from './draft.js';

/** What an op must be: its name, and what its inputs must be. */
export type OpPattern = [op: string, ...inputs: Pattern[]];

/** What a ref must be: computed by an op, a constant of one number, or anything, by a name that is the same thing wherever it stands. */
export type Pattern = OpPattern | number | string;

/** What the names of a pattern stand for. */
export type Found = Readonly<Record<string, string>>;

const COMMUTATIVE = ['Add', 'AddV2', 'Mul'];

/** What a pattern's names stand for if a node fits it; the inputs of sums and products may come in any order. */
export function match(draft: Draft, node: GraphNode, pattern: OpPattern): Found | undefined {
  return computes(draft, node, pattern, {})[0];
}

function computes(draft: Draft, node: GraphNode | undefined, [op, ...wanted]: OpPattern, found: Found): Found[] {
  if (node?.op !== op || node.input.length !== wanted.length) return [];
  const orders = COMMUTATIVE.includes(op) ? [node.input, [...node.input].reverse()] : [node.input];
  return orders.flatMap((input) =>
    wanted.reduce<Found[]>((all, each, i) => all.flatMap((so) => is(draft, input[i]!, each, so)), [found]),
  );
}

function is(draft: Draft, ref: string, pattern: Pattern, found: Found): Found[] {
  if (typeof pattern === 'object') return computes(draft, draft.nodeAt(ref), pattern, found);
  if (typeof pattern === 'string') {
    if (found[pattern] === undefined) return [{ ...found, [pattern]: ref }];
    return found[pattern] === ref ? [found] : [];
  }
  const values = draft.constant(ref);
  return values && Array.from(values).every((value) => value === Math.fround(pattern)) ? [found] : [];
}
