import { FLOATS, isFloat, type Draft, type Rule } from './draft.js';
import { match, type Pattern } from './match.js';

/** The cross-entropy of our losses and the slope of it, in one op. */
export const softmaxCrossEntropy: Rule = (node, draft) => {
  const sum: Pattern = ['Sum', ['Mul', ['Sub', ['Max', 'logits', 'axis'], 'logits'], 'labels'], 'axis2'];
  const found = match(draft, node, ['Sub', sum, ['Log', ['Max', ['Softmax', 'logits'], 'axis3']]]);
  if (!found || !isFloat(node.attr)) return undefined;
  const { logits, labels } = found as Record<string, string>;
  const shape = draft.shapeOf(logits!)!;
  const last = shape.length - 1;
  if (['axis', 'axis2', 'axis3'].some((axis) => !isLast(draft, found[axis]!, last))) return undefined;
  const rows = [shape.slice(0, -1).reduce((a, b) => a * b, 1), shape[last]!];
  const op = draft.add(
    'SoftmaxCrossEntropyWithLogits',
    [draft.reshape(logits!, rows), draft.reshape(labels!, rows)],
    [rows[0]!],
    FLOATS,
    [rows],
  );
  const slope = draft.find('Sub', [draft.find('Softmax', [logits!])!, labels!]);
  if (slope !== undefined) draft.replace(slope, draft.reshape(`${op}:1`, shape));
  return draft.reshape(op, shape.slice(0, -1));
};

function isLast(draft: Draft, axes: string, last: number): boolean {
  const values = draft.constant(axes);
  return values?.length === 1 && values[0] === last;
}
