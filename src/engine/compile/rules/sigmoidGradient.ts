import { isFloat, sameShape, type Rule } from './draft.js';
import { match } from './match.js';

/** A gradient times y · (1 − y) is SigmoidGrad. */
export const sigmoidGradient: Rule = (node, draft) => {
  const found = match(draft, node, ['Mul', 'gradient', ['Mul', 'y', ['Sub', 1, 'y']]]);
  if (!found || !isFloat(node)) return undefined;
  const { gradient, y } = found as { gradient: string; y: string };
  if (!sameShape(draft.shapeOf(gradient), draft.shapeOf(y))) return undefined;
  return draft.add('SigmoidGrad', [y, gradient], node.shapes!.out);
};
