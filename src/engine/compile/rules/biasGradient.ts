import { isFloat, type Rule } from './draft.js';
import { withoutReshape } from './withoutReshape.js';

/** TensorFlow adds up one row after the other, and Sum does not: of more rows than these the rounding would show. */
const MOST_ROWS = 256;

/** A sum over all axes but the last is the gradient of a bias: BiasAddGrad. */
export const biasGradient: Rule = (node, draft) => {
  if (node.op !== 'Sum' || !isFloat(node)) return undefined;
  const [value, axes] = node.input as [string, string];
  const [shape, out] = [draft.shapeOf(value), node.shapes!.out[0]!];
  const leading = shape.slice(0, -1);
  const rows = leading.reduce((product, size) => product * size, 1);
  const summed = Array.from(draft.constant(axes) ?? []).sort((a, b) => a - b);
  if (leading.length === 0 || rows > MOST_ROWS || out.length !== 1) return undefined;
  if (summed.join() !== leading.map((_, axis) => axis).join()) return undefined;
  return draft.add('BiasAddGrad', [withoutReshape(draft, value)], [out]);
};
