import { isFloat, type Rule } from './draft.js';
import { withoutReshape } from './withoutReshape.js';

/** TensorFlow adds up one row after the other, and Sum does not: of more rows than these the rounding would show. */
const MOST_ROWS = 256;
/** So many are added side by side first where there are more. */
const BESIDE = 8;

/**
 * A sum over all axes but the last is the gradient of a bias: BiasAddGrad.
 *
 * Many rows are added in two rounds, with parts of them side by side in the first: a third of Sum's time, and half of one round's rounding.
 */
export const biasGradient: Rule = (node, draft) => {
  if (node.op !== 'Sum' || !isFloat(node)) return undefined;
  const [value, axes] = node.input as [string, string];
  const [shape, out] = [draft.shapeOf(value), node.shapes!.out[0]!];
  const leading = shape.slice(0, -1);
  const rows = leading.reduce((product, size) => product * size, 1);
  const summed = Array.from(draft.constant(axes) ?? []).sort((a, b) => a - b);
  if (leading.length === 0 || out.length !== 1 || summed.join() !== leading.map((_, axis) => axis).join())
    return undefined;
  const sum = (ref: string, columns: number): string => draft.add('BiasAddGrad', [ref], [[columns]]);
  const columns = out[0]!;
  if (rows <= MOST_ROWS) return sum(withoutReshape(draft, value), columns);
  if (rows > MOST_ROWS * BESIDE || rows % BESIDE !== 0) return undefined;
  const parts = sum(draft.reshape(value, [rows / BESIDE, BESIDE * columns]), BESIDE * columns);
  return sum(draft.reshape(parts, [BESIDE, columns]), columns);
};
