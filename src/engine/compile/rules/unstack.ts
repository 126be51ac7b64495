import { isFloat, type Draft, type Rule } from './draft.js';

/** Taking a tensor apart along an axis that has been brought to the front for it needs no transposing. */
export const unstack: Rule = (node, draft) => {
  const transposed = draft.nodeAt(node.input[0] ?? '');
  if (node.op !== 'Unpack' || axisOf(node) !== 0 || !isFloat(node) || transposed?.op !== 'Transpose') return undefined;
  const order = Array.from(draft.constant(transposed.input[1]!) ?? []);
  const [axis, ...rest] = order;
  if (axis === undefined || rest.some((other, i) => i > 0 && other < rest[i - 1]!)) return undefined;
  const attr = { ...node.attr, axis: { i: axis } };
  return replaceOutputs(draft, node.name, draft.add('Unpack', [transposed.input[0]!], node.shapes!.out, attr), node);
};

/** The axis along which an Unpack takes its input apart. */
export function axisOf({ attr }: { readonly attr: Readonly<Record<string, unknown>> }): number {
  return (attr['axis'] as { readonly i: number } | undefined)?.i ?? 0;
}

/** Puts all outputs of a node in the place of another's; gives back the first. */
function replaceOutputs(draft: Draft, name: string, by: string, { shapes }: Parameters<Rule>[0]): string {
  shapes!.out.forEach((_, i) => i > 0 && draft.replace(`${name}:${i}`, `${by}:${i}`));
  return by;
}
