import * as tf from '@tensorflow/tfjs';
import { describe, expect, it } from 'vitest';

import { sigmoidCrossEntropy } from '../../src/losses/index.js';
import { gradientOf, kernelsOf, perSample, values } from './support.js';

describe('sigmoidCrossEntropy', () => {
  it('neither overflows nor rounds to infinity with logits of 1e4', () => {
    const labels = values([[1], [0], [1], [0]]);
    const logits = values([[1e4], [1e4], [-1e4], [-1e4]]);

    expect(perSample(sigmoidCrossEntropy, labels, logits)).toStrictEqual([0, 1e4, 1e4, 0]);
    expect(gradientOf(sigmoidCrossEntropy, labels, logits)).toStrictEqual([0, 1, -1, 0]);
  });

  it('is the mean over the answers of a sample', () => {
    const [both, first, second] = perSample(
      sigmoidCrossEntropy,
      values([
        [1, 0],
        [1, 1],
        [0, 0],
      ]),
      values([
        [2, 1],
        [2, 2],
        [1, 1],
      ]),
    );

    expect(both).toBeCloseTo((first! + second!) / 2, 6);
  });

  it('runs the kernels that its comment states', async () => {
    const [flat, table] = [tf.zeros([2]), tf.zeros([2, 3])] as const;
    const backward =
      (x: tf.Tensor): (() => tf.Tensor) =>
      () =>
        tf.grad((logits) => sigmoidCrossEntropy(x, logits))(x, tf.ones([2]));

    expect(await kernelsOf(() => sigmoidCrossEntropy(table, table))).toHaveLength(6);
    expect(await kernelsOf(backward(table))).toHaveLength(6 + 1 + 3);
    expect(await kernelsOf(() => sigmoidCrossEntropy(flat, flat))).toHaveLength(5);
    expect(await kernelsOf(backward(flat))).toHaveLength(5 + 1 + 2);
    tf.dispose([flat, table]);
  });
});

describe('checkLabels of sigmoidCrossEntropy', () => {
  const check = (data: number[]): string | undefined =>
    sigmoidCrossEntropy.checkLabels!({ data: Float32Array.from(data), shape: [2, 2] }, [2, 2]);

  it.each([
    [[0, 1, 2, 0], 'label 2 of sample 1 must be within [0, 1]'],
    [[0, -1, 0, 0], 'label -1 of sample 0 must be within [0, 1]'],
    [[0, 0, 0, NaN], 'label NaN of sample 1 must be within [0, 1]'],
  ])('says of %j: %s', (data, problem) => {
    expect(check(data)).toBe(problem);
  });

  it('takes 0, 1 and what is between', () => {
    expect(check([0, 1, 0.5, 1])).toBeUndefined();
  });
});
