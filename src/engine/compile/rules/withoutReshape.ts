import type { Draft } from './draft.js';

/** What has been reshaped only in the axes before the last, as it was; anything else as it is. */
export function withoutReshape(draft: Draft, ref: string): string {
  const node = draft.nodeAt(ref);
  if (node?.op !== 'Reshape') return ref;
  const before = node.shapes!.in[0]!;
  return before.length > 1 && before.at(-1) === draft.shapeOf(ref).at(-1) ? node.input[0]! : ref;
}
