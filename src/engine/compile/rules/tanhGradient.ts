import { isFloat, sameShape, type Rule } from './draft.js';
import { match } from './match.js';

/** A gradient times 1 − y² is TanhGrad. */
export const tanhGradient: Rule = (node, draft) => {
  const found = match(draft, node, ['Mul', 'gradient', ['Sub', 1, ['Square', 'y']]]);
  if (!found || !isFloat(node)) return undefined;
  const { gradient, y } = found as { gradient: string; y: string };
  if (!sameShape(draft.shapeOf(gradient), draft.shapeOf(y))) return undefined;
  return draft.add('TanhGrad', [y, gradient], node.shapes!.out);
};
