import { FLOATS, isFloat, type Rule } from './draft.js';

/** BatchMatMulV2 of two matrices is MatMul, which TensorFlow fuses with the bias and the activation behind it. */
export const matMul: Rule = ({ op, input, attr, shapes }, draft) => {
  if (op !== 'BatchMatMulV2' || !isFloat(attr)) return undefined;
  const [x, y] = shapes!.in as [number[], number[]];
  const [out] = shapes!.out as [number[]];
  if ([...x.slice(0, -2), ...y.slice(0, -2)].some((size) => size !== 1)) return undefined;
  const matrices = [draft.reshape(input[0]!, x.slice(-2)), draft.reshape(input[1]!, y.slice(-2))];
  const product = draft.add('MatMul', matrices, out.slice(-2), {
    ...FLOATS,
    transpose_a: attr['adj_x']!,
    transpose_b: attr['adj_y']!,
  });
  return draft.reshape(product, out);
};
