import * as tf from '@tensorflow/tfjs';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { engine } from '../../../src/engine/engine.js';
import { expectAsOnCpu, expectValueAsOnCpu, whole } from '../support.js';

beforeAll(async () => {
  await engine('wasm');
});
afterAll(async () => {
  await engine('cpu');
});

describe('products of matrices on wasm', () => {
  // Around the size below which the slow path is the faster one: 8192 multiplications.
  const sizes = fc.tuple(whole(1, 40), whole(1, 40), whole(1, 40));

  it('have the gradients of cpu, transposed or not, in batches or not (property)', () => {
    fc.assert(
      fc.property(sizes, whole(1, 3), fc.boolean(), fc.boolean(), ([n, k, m], batch, transposeA, transposeB) => {
        const shape = (rows: number, columns: number, transposed: boolean) =>
          [...(batch > 1 ? [batch] : []), ...(transposed ? [columns, rows] : [rows, columns])] as const;
        expectAsOnCpu(
          (a: tf.Tensor, b: tf.Tensor) => tf.matMul(a, b, transposeA, transposeB),
          [{ shape: shape(n, k, transposeA) }, { shape: shape(k, m, transposeB) }],
        );
      }),
      { numRuns: 60 },
    );
  });

  it('go with one factor for the whole batch', () => {
    for (const transpose of [false, true]) {
      expectValueAsOnCpu(
        (a: tf.Tensor, b: tf.Tensor) => tf.matMul(a, b, transpose),
        [{ shape: [3, 24, 24] }, { shape: [1, 24, 20] }],
      );
      expectValueAsOnCpu(
        (a: tf.Tensor, b: tf.Tensor) => tf.matMul(a, b, transpose),
        [{ shape: [1, 24, 24] }, { shape: [3, 24, 20] }],
      );
    }
  });

  it('take the same data in another shape for what it is now', () => {
    expectValueAsOnCpu(
      (a: tf.Tensor, b: tf.Tensor, c: tf.Tensor) =>
        tf.concat([tf.matMul(a, b), tf.matMul(c, tf.reshape(b, [30, 40]))], 1),
      [{ shape: [20, 40] }, { shape: [40, 30] }, { shape: [20, 30] }],
    );
    expectValueAsOnCpu(
      (a: tf.Tensor, b: tf.Tensor, c: tf.Tensor) =>
        tf.concat([tf.fused.matMul({ a, b }), tf.fused.matMul({ a: c, b: tf.reshape(b, [30, 40]) })], 1),
      [{ shape: [20, 40] }, { shape: [40, 30] }, { shape: [20, 30] }],
    );
  });

  it('of integers are integers', () => {
    const product = tf.tidy(() => {
      const result = tf.matMul(tf.tensor2d([1, 2, 3, 4], [2, 2], 'int32'), tf.tensor2d([5, 6, 7, 8], [2, 2], 'int32'));
      return [result.dtype, ...result.dataSync()];
    });
    expect(product).toStrictEqual(['int32', 19, 22, 43, 50]);
  });

  it('with a fused bias and activation are those of cpu', () => {
    for (const activation of ['linear', 'relu', 'elu', 'sigmoid'] as const)
      for (const bias of [[20], [1, 20], [24, 20]])
        expectValueAsOnCpu(
          (a: tf.Tensor, b: tf.Tensor, c: tf.Tensor) =>
            tf.fused.matMul({ a, b, bias: c, activation, transposeA: true, transposeB: true }),
          [{ shape: [30, 24] }, { shape: [20, 30] }, { shape: bias }],
        );
  });
});

describe('einsum on wasm', () => {
  const equations = [
    'ij,jk->ik',
    'bij,bjk->bik',
    'bhqd,bhkd->bhqk',
    'bhqk,bhkd->bqhd',
    'ij,ij->',
    'ij->ji',
    'ijk->j',
    'i,j->ij',
    'ij,j->i',
    'abc,cd->abd',
    'ijk,ilm->jl',
  ];

  it('is that of cpu for every kind of letters (property)', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...equations),
        fc.array(whole(1, 7), { minLength: 26, maxLength: 26 }),
        (equation, sizes) => {
          const operands = equation.split('->')[0]!.split(',');
          const inputs = operands.map((letters) => ({
            shape: [...letters].map((letter) => sizes[letter.charCodeAt(0) - 'a'.charCodeAt(0)]!),
          }));
          expectValueAsOnCpu((...tensors: tf.Tensor[]) => tf.einsum(equation, ...tensors), inputs);
        },
      ),
    );
  });
});
