import { isFloat, sameShapes, type Rule } from './draft.js';
import { match } from './match.js';

/** A gradient times 1 − y² is TanhGrad. */
export const tanhGradient: Rule = (node, draft) => {
  const found = match(draft, node, ['Mul', 'gradient', ['Sub', 1, ['Square', 'y']]]);
  return found && isFloat(node.attr) && sameShapes(draft, found, node)
    ? draft.add('TanhGrad', [found['y']!, found['gradient']!], node.shapes!.out[0]!)
    : undefined;
};
