import { isFloat, sameShapes, type Rule } from './draft.js';
import { match } from './match.js';

/** A gradient times y · (1 − y) is SigmoidGrad. */
export const sigmoidGradient: Rule = (node, draft) => {
  const found = match(draft, node, ['Mul', 'gradient', ['Mul', 'y', ['Sub', 1, 'y']]]);
  return found && isFloat(node.attr) && sameShapes(draft, found, node)
    ? draft.add('SigmoidGrad', [found['y']!, found['gradient']!], node.shapes!.out[0]!)
    : undefined;
};
