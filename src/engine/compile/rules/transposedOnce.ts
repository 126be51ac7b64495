import { INT, type GraphNode } from '../graph.js';
import { FLOATS, type Draft, type Shape } from './draft.js';

/** Of so few rows, transposing takes longer than the product: TensorFlow does it anew in each. */
const FEW_ROWS = 256;

/**
 * Products of few rows with one matrix that each of them transposes (the gradients of a recurrent layer, step by step) have it transposed once.
 *
 * @param as - What the product would be by itself.
 * @returns What stands for the product if there has been such another, which is changed, too.
 */
export function transposedOnce(
  draft: Draft,
  [rows, matrix]: readonly [string, string],
  shape: Shape,
  as: Pick<GraphNode, 'op' | 'attr'>,
): string | undefined {
  if (shape[0]! > FEW_ROWS) return undefined;
  const alike = JSON.stringify(as.attr);
  const others = draft.users(as.op, matrix, 1).filter(({ attr }) => JSON.stringify(attr) === alike);
  if (others.length === 0) return undefined;
  const turned = [draft.shapeOf(matrix).toReversed()];
  const once = draft.add('Transpose', [matrix, draft.integers([1, 0])], turned, {
    ...FLOATS,
    Tperm: { type: INT },
  });
  const product = (of: string, out: Shape): string => draft.add('MatMul', [of, once], [out], PLAIN);
  for (const { name, input, shapes } of others) draft.replace(name, product(input[0]!, shapes!.out[0]!));
  return product(rows, shape);
}

const PLAIN = { ...FLOATS, transpose_a: { b: false }, transpose_b: { b: false } };
