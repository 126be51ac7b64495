import { isFloat, sameShape, type Rule } from './draft.js';
import { match, type Pattern } from './match.js';

/**
 * A gradient times TensorFlow.js's step function is ReluGrad, by relu's output if there is one: so nothing but relu uses its input, and TensorFlow can
 * fuse the two.
 *
 * Where the input is no number, the step is none either, and ReluGrad gives 0; the loss tells.
 */
export const reluGradient: Rule = (node, draft) => {
  const positive: Pattern = ['Select', ['Greater', 'x', 0], 1, ['Fill', 'shape', 0]];
  const found = match(draft, node, ['Mul', 'gradient', ['Select', ['IsNan', 'x'], 'x', positive]]);
  const { gradient, x } = found ?? {};
  if (!gradient || !x || !isFloat(node.attr) || !sameShape(draft.shapeOf(gradient), draft.shapeOf(x))) return undefined;
  return draft.add('ReluGrad', [gradient, draft.find('Relu', [x]) ?? x], draft.shapeOf(x)!);
};
