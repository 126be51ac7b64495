import { isFloat, sameShape, type Rule } from './draft.js';
import { match, type OpPattern } from './match.js';

/** What our losses compute of each row: Σ label · ((max − logit) − log(max softmax)). */
const LOSS: OpPattern = [
  'Sum',
  ['Mul', ['Sub', ['Sub', ['Max', 'logits', 'axis1'], 'logits'], ['Log', ['Max', 'softmax', 'axis3']]], 'labels'],
  'axis2',
];

/** Softmax cross-entropy and its slope, softmax − label, are one op: SoftmaxCrossEntropyWithLogits. */
export const softmaxCrossEntropy: Rule = (node, draft) => {
  const found = match(draft, node, LOSS);
  const softmax = match(draft, draft.nodeAt(found?.['softmax'] ?? ''), ['Softmax', 'logits'], found);
  if (!softmax || !isFloat(node)) return undefined;
  const { logits, labels } = softmax as { logits: string; labels: string };
  const shape = draft.shapeOf(logits);
  const last = [String(shape.length - 1), '-1'];
  const isLast = (axis: string): boolean => last.includes(draft.constant(softmax[axis]!)?.join() ?? '');
  if (!['axis1', 'axis2', 'axis3'].every(isLast) || !sameShape(draft.shapeOf(labels), shape)) return undefined;
  const rows = [shape.slice(0, -1).reduce((product, size) => product * size, 1), shape.at(-1)!];
  const flat = [draft.reshape(logits, rows), draft.reshape(labels, rows)];
  const op = draft.add('SoftmaxCrossEntropyWithLogits', flat, [rows.slice(0, 1), rows]);
  const slope = draft.find('Sub', [softmax['softmax']!, labels]);
  if (slope !== undefined) draft.replace(slope, draft.reshape(`${op}:1`, shape));
  return draft.reshape(op, shape.slice(0, -1));
};
