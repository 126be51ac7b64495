import type * as tf from '@tensorflow/tfjs';

import { registerComposed, shaped, type Run } from './composed.js';

/** An operand: its data and the number of the letter along each axis. */
type Operand = { x: tf.TensorInfo; letters: number[] };

/**
 * Gives wasm einsum, by a product of matrices.
 *
 * Letters that stand in one operand only and not in the result are summed first; the rest is transposed to [common, own, summed]·[common, summed,
 * own].
 */
export function registerEinsum(library: typeof tf): void {
  registerComposed<tf.TensorInfo[], { equation: string }>(
    library,
    'Einsum',
    (tensors, { run, attrs: { equation } }) => {
      const { allDims, summedDims, idDims } = library.backend_util.decodeEinsumEquation(equation, tensors.length);
      library.backend_util.checkEinsumDimSizes(allDims.length, idDims, tensors as tf.Tensor[]);
      const result = allDims.map((_, letter) => letter).filter((letter) => !summedDims.includes(letter));
      const operands = tensors.map((x, i): Operand => {
        const others = idDims.flatMap((letters, other) => (other === i ? [] : letters));
        const needed = (letter: number) => result.includes(letter) || others.includes(letter);
        return summed(run, { x, letters: idDims[i]! }, needed);
      });
      const whole = operands.length === 1 ? operands[0]! : contracted(run, operands as [Operand, Operand], result);
      return arranged(run, whole, result).x;
    },
  );
}

function summed(run: Run, { x, letters }: Operand, needed: (letter: number) => boolean): Operand {
  const axis = letters.flatMap((letter, i) => (needed(letter) ? [] : [i]));
  if (axis.length === 0) return { x, letters };
  return { x: run('Sum', { x }, { axis, keepDims: false }), letters: letters.filter(needed) };
}

function contracted(run: Run, [left, right]: readonly [Operand, Operand], result: readonly number[]): Operand {
  const inBoth = left.letters.filter((letter) => right.letters.includes(letter));
  const common = inBoth.filter((letter) => result.includes(letter));
  const inner = inBoth.filter((letter) => !result.includes(letter));
  const own = [left, right].map(({ letters }) => letters.filter((letter) => !inBoth.includes(letter)));
  const size = ({ x, letters }: Operand, some: readonly number[]) =>
    some.reduce((product, letter) => product * x.shape[letters.indexOf(letter)]!, 1);
  const [batch, n, k, m] = [size(left, common), size(left, own[0]!), size(left, inner), size(right, own[1]!)];
  const a = shaped(arranged(run, left, [...common, ...own[0]!, ...inner]).x, [batch, n, k]);
  const b = shaped(arranged(run, right, [...common, ...inner, ...own[1]!]).x, [batch, k, m]);
  const letters = [...common, ...own[0]!, ...own[1]!];
  const shape = letters.map((letter) => size(left.letters.includes(letter) ? left : right, [letter]));
  return { x: shaped(run('BatchMatMul', { a, b }, { transposeA: false, transposeB: false }), shape), letters };
}

function arranged(run: Run, { x, letters }: Operand, wanted: readonly number[]): Operand {
  const perm = wanted.map((letter) => letters.indexOf(letter));
  return { x: run('Transpose', { x }, { perm }), letters: [...wanted] };
}
