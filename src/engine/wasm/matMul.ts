import type * as tf from '@tensorflow/tfjs';

import { registerComposed, shaped, type Call, type Run } from './composed.js';
import { product } from './product.js';

type Inputs = { a: tf.TensorInfo; b: tf.TensorInfo };
type Attrs = { transposeA: boolean; transposeB: boolean };

/** With fewer multiplications, what comes before the fast path takes longer than the slow one. */
const SMALL = 8192;

/**
 * Makes wasm's matrix products run on XNNPACK, also those of transposed factors and of batches.
 *
 * The gradients of every dense layer and of attention are such products, and the shipped kernel takes them number by number.
 */
export function registerMatMul(library: typeof tf): void {
  const shipped = library.getKernel('BatchMatMul', 'wasm').kernelFunc;

  registerComposed<Inputs, Attrs>(library, 'BatchMatMul', ({ a, b }, call) => {
    if (a.dtype !== 'float32' || b.dtype !== 'float32') return inFloats(a, b, call);
    const { run, wasm, attrs } = call;
    const { transposeA, transposeB } = attrs;
    const [n, k] = matrix(a, transposeA);
    const [kOfB, m] = matrix(b, transposeB);
    const batches = [count(a), count(b)] as const;
    const straight = !transposeA && !transposeB && batches[0] === 1 && batches[1] === 1;
    const small = n * k * m < SMALL && batches[0] === batches[1] && !straight;
    if (small || k !== kOfB || !(n * k * m > 0))
      return shipped({ inputs: { a, b }, backend: wasm, attrs: { transposeA, transposeB } }) as tf.TensorInfo;

    const outer = library.broadcast_util.assertAndGetBroadcastShape(a.shape.slice(0, -2), b.shape.slice(0, -2));
    const turned = { a: () => flipped(run, a), b: () => flipped(run, b) };
    // The right factor is packed, so that it costs twice to take it transposed; and weights are larger than batches.
    const asIs = (transposeA ? n * k : 0) + (transposeB ? 2 : 1) * k * m;
    const crosswise = (transposeB ? 0 : k * m) + (transposeA ? 1 : 2) * n * k + n * m;
    if (asIs <= crosswise || Math.max(...batches) > 1) {
      const factors = [transposeA ? turned.a() : a, transposeB ? turned.b() : b] as const;
      return shaped(product(call, ...factors, [n, k, m], batches), [...outer, n, m]);
    }
    const factors = [transposeB ? b : turned.b(), transposeA ? a : turned.a()] as const;
    return shaped(flipped(run, product(call, ...factors, [m, k, n], batches)), [...outer, n, m]);
  });
}

/** Rows and columns as they are multiplied. */
function matrix({ shape }: tf.TensorInfo, transposed: boolean): [rows: number, columns: number] {
  const [rows, columns] = shape.slice(-2) as [number, number];
  return transposed ? [columns, rows] : [rows, columns];
}

function count({ shape }: tf.TensorInfo): number {
  return shape.slice(0, -2).reduce((product, length) => product * length, 1);
}

function flipped(run: Run, x: tf.TensorInfo): tf.TensorInfo {
  const rank = x.shape.length;
  const perm = x.shape.map((_, axis) => (axis < rank - 2 ? axis : 2 * rank - 3 - axis));
  return run('Transpose', { x }, { perm });
}

/** Integers are multiplied as floats: exact to 2²⁴. */
function inFloats(a: tf.TensorInfo, b: tf.TensorInfo, { run, attrs }: Call<Attrs>): tf.TensorInfo {
  const [left, right] = [a, b].map((x) => run('Cast', { x }, { dtype: 'float32' })) as [tf.TensorInfo, tf.TensorInfo];
  return run('Cast', { x: run('BatchMatMul', { a: left, b: right }, attrs) }, { dtype: a.dtype });
}
