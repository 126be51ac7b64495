import { isFloat, sameShape, type Rule } from './draft.js';
import { match, type OpPattern } from './match.js';

/** TensorFlow.js's step function, which is no number where `x` is none. */
const STEP: OpPattern = ['Select', ['IsNan', 'x'], 'x', ['Select', ['Greater', 'x', 0], 1, ['Fill', 'shape', 0]]];

/**
 * A gradient times the step function is ReluGrad, by what relu gave: then nothing but relu takes its input, and TensorFlow can fuse it with the product
 * before it.
 *
 * Where the input is no number ReluGrad gives 0, and the product none. Relu gives none either, so the loss tells: hence not without a relu.
 */
export const reluGradient: Rule = (node, draft) => {
  const found = match(draft, node, ['Mul', 'gradient', STEP]);
  if (!found || !isFloat(node)) return undefined;
  const { gradient, x } = found as { gradient: string; x: string };
  const relu = draft.find('Relu', [x]);
  if (relu === undefined || !sameShape(draft.shapeOf(gradient), draft.shapeOf(x))) return undefined;
  return draft.add('ReluGrad', [gradient, relu], node.shapes!.out);
};
