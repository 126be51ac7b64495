import { FLOATS, isFloat, type Rule } from './draft.js';
import { transposedOnce } from './transposedOnce.js';
import { unstackedProduct } from './unstackedProduct.js';

/** A transposed second matrix of so many numbers slows TensorFlow's MatMul down: 32 × 512 by 512 × 512 takes 0.65 ms, BatchMatMulV2 0.27. */
const LARGE = 2 ** 17;

/** BatchMatMulV2 of two matrices is MatMul, which sets no threads going for what is small. */
export const matMul: Rule = (node, draft) => {
  const { op, input, attr } = node;
  if (op !== 'BatchMatMulV2' || !isFloat(node)) return undefined;
  const [x, y] = node.shapes!.in as [number[], number[]];
  const [out] = node.shapes!.out as [number[]];
  if ([...x.slice(0, -2), ...y.slice(0, -2)].some((size) => size !== 1)) return undefined;
  const matrices = [draft.reshape(input[0]!, x.slice(-2)), draft.reshape(input[1]!, y.slice(-2))] as const;
  const shape = out.slice(-2);
  const [transpose_a, transpose_b] = [attr['adj_x']!, attr['adj_y']!] as [
    { readonly b: boolean },
    { readonly b: boolean },
  ];
  const asMatMul = { op: 'MatMul', attr: { ...FLOATS, transpose_a, transpose_b } };
  const slow = transpose_b.b && y.at(-2)! * y.at(-1)! > LARGE;
  const as = slow ? node : asMatMul;
  const better = (): string | undefined => {
    if (transpose_a.b) return undefined;
    return transpose_b.b ? transposedOnce(draft, matrices, shape, as) : unstackedProduct(draft, matrices, as.attr);
  };
  return draft.reshape(better() ?? draft.add(as.op, matrices, [shape], as.attr), out);
};
