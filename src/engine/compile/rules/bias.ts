import { isFloat, sameShape, type Rule } from './draft.js';
import { withoutReshape } from './withoutReshape.js';

/** Of so few rows, TensorFlow takes longer for a product, bias and activation in one op than one after the other: it sorts the weights anew each time. */
const FEW_ROWS = 256;

/** A vector that is added to each row, or to each pixel, is a bias: BiasAdd, which TensorFlow fuses with what is before it and behind it. */
export const bias: Rule = (node, draft) => {
  const [out] = node.shapes!.out as [number[]];
  if ((node.op !== 'Add' && node.op !== 'AddV2') || !isFloat(node) || out.length < 2) return undefined;
  const [value, vector] = node.input.toSorted((a, b) => draft.shapeOf(b).length - draft.shapeOf(a).length);
  if (!sameShape(draft.shapeOf(value!), out) || !sameShape(draft.shapeOf(vector!), out.slice(-1))) return undefined;
  const rows = withoutReshape(draft, value!);
  const shape = draft.shapeOf(rows);
  const few = draft.nodeAt(rows)?.op === 'MatMul' && shape[0]! <= FEW_ROWS;
  const product = few ? draft.add('Snapshot', [rows], [shape]) : rows; // hands it on, and hides from TensorFlow's optimizer what it is
  return draft.reshape(draft.add('BiasAdd', [product, vector!], [shape]), out);
};
