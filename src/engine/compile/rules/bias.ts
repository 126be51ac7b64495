import { isFloat, sameShape, type Rule } from './draft.js';
import { withoutReshape } from './withoutReshape.js';

/** A vector that is added to each row, or to each pixel, is a bias: BiasAdd, which has nothing to broadcast. */
export const bias: Rule = (node, draft) => {
  const [out] = node.shapes!.out as [number[]];
  if ((node.op !== 'Add' && node.op !== 'AddV2') || !isFloat(node) || out.length < 2) return undefined;
  const [value, vector] = node.input.toSorted((a, b) => draft.shapeOf(b).length - draft.shapeOf(a).length);
  if (!sameShape(draft.shapeOf(value!), out) || !sameShape(draft.shapeOf(vector!), out.slice(-1))) return undefined;
  const rows = withoutReshape(draft, value!);
  const shape = draft.shapeOf(rows);
  return draft.reshape(draft.add('BiasAdd', [rows, vector!], [shape]), out);
};
