import { nodeOf, type GraphNode } from '../graph.js';
import type { Draft } from './draft.js';

type Attr = Parameters<Draft['add']>[3];

/**
 * Products of all parts of a tensor with one matrix (the inputs of a recurrent layer, step by step) are one product, taken apart behind.
 *
 * @returns What stands for the product of `part`, which is the last to be written; undefined as long as others are missing.
 */
export function unstackedProduct(
  draft: Draft,
  [part, matrix]: readonly [string, string],
  attr: Attr,
): string | undefined {
  const node = draft.nodeAt(nodeOf(part));
  if (node?.op !== 'Unpack' || node.input.length === 0) return undefined;
  const parts = node.shapes!.out.map((_, i) => (i ? `${node.name}:${i}` : node.name));
  const products = parts.map((ref) => (ref === part ? ref : draft.find('MatMul', [ref, matrix], attr)));
  if (parts.length < 2 || products.includes(undefined)) return undefined;
  const whole = draft.shapeOf(node.input[0]!);
  const [columns, width] = [whole.at(-1)!, draft.shapeOf(matrix).at(-1)!];
  if (whole.length !== 3 || axisOf(node) > 1) return undefined;
  const rows = whole[0]! * whole[1]!;
  const product = draft.add('MatMul', [draft.reshape(node.input[0]!, [rows, columns]), matrix], [[rows, width]], attr);
  const shapes = node.shapes!.out.map(([height]) => [height!, width]);
  const apart = draft.add('Unpack', [draft.reshape(product, [whole[0]!, whole[1]!, width])], shapes, node.attr);
  products.forEach((ref, i) => ref !== part && draft.replace(ref!, i ? `${apart}:${i}` : apart));
  const at = parts.indexOf(part);
  return at ? `${apart}:${at}` : apart;
}

/** The axis along which an Unpack takes its input apart. */
function axisOf({ attr }: GraphNode): number {
  return (attr['axis'] as { readonly i: number } | undefined)?.i ?? 0;
}
