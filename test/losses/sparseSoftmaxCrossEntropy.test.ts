import * as tf from '@tensorflow/tfjs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { softmaxCrossEntropy, sparseSoftmaxCrossEntropy } from '../../src/losses/index.js';
import { gradientOf, kernelsOf, perSample, runsOn, values, type Values } from './support.js';

const logits = values([
  [0.5, -1, 2],
  [1, 3, -2],
  [0, 0, 0],
]);

describe('sparseSoftmaxCrossEntropy', () => {
  it('equals softmaxCrossEntropy of the one-hot labels, bit for bit, value and gradient', () => {
    const batch = fc
      .tuple(fc.integer({ min: 1, max: 4 }), fc.integer({ min: 1, max: 3 }), fc.integer({ min: 2, max: 5 }))
      .chain(([samples, time, classes]) =>
        fc.record({
          shape: fc.constant([samples, time, classes]),
          labels: list(fc.integer({ min: 0, max: classes - 1 }), samples * time),
          logits: list(fc.float({ min: -30, max: 30, noNaN: true }), samples * time * classes),
        }),
      );
    fc.assert(
      fc.property(batch, fc.constantFrom('int32' as const, 'float32' as const), ({ shape, labels, logits }, dtype) => {
        const sparse: Values = { shape: shape.slice(0, 2), data: labels };
        const oneHot: Values = {
          shape,
          data: labels.flatMap((label) => row(shape[2]!).map((c) => Number(c === label))),
        };
        const predictions: Values = { shape, data: logits };

        expect(perSample(sparseSoftmaxCrossEntropy, sparse, predictions, dtype)).toStrictEqual(
          perSample(softmaxCrossEntropy, oneHot, predictions),
        );
        expect(gradientOf(sparseSoftmaxCrossEntropy, sparse, predictions, undefined, dtype)).toStrictEqual(
          gradientOf(softmaxCrossEntropy, oneHot, predictions),
        );
      }),
    );
  });

  it('runs the kernels that its comment states', async () => {
    const labels = tf.tensor1d([1], 'int32');
    const floats = tf.tensor1d([1]);
    const one = tf.tensor2d([[1, 2]]);
    const sequence = tf.tensor2d([[1, 0]], [1, 2], 'int32');
    const three = tf.tensor3d([
      [
        [1, 2],
        [3, 4],
      ],
    ]);
    const backward =
      (given: tf.Tensor, x: tf.Tensor): (() => tf.Tensor) =>
      () =>
        tf.grad((logits) => sparseSoftmaxCrossEntropy(given, logits))(x, tf.ones([1]));

    expect(await kernelsOf(() => sparseSoftmaxCrossEntropy(labels, one))).toHaveLength(13);
    expect(await kernelsOf(backward(labels, one))).toHaveLength(13 + 1 + 2);
    expect(await kernelsOf(() => sparseSoftmaxCrossEntropy(sequence, three))).toHaveLength(13 + 1);
    expect(await kernelsOf(backward(sequence, three))).toHaveLength(13 + 1 + 1 + 2 + 1);
    expect(await kernelsOf(() => sparseSoftmaxCrossEntropy(floats, one))).toHaveLength(13 + 2);
    tf.dispose([labels, floats, one, sequence, three]);
  });
});

describe.each(['cpu', 'wasm'] as const)('sparseSoftmaxCrossEntropy on %s', (name) => {
  runsOn(name);

  it.each([
    ['int32', 3],
    ['int32', -1],
    ['int32', 1_000_000],
    ['float32', 3],
    ['float32', -1],
    ['float32', 0.5],
    ['float32', NaN],
  ] as const)(
    'is NaN for the sample whose %s label on the device is %d, which is no class, and for no other',
    (dtype, label) => {
      const labels = values([0, label, 2]);
      const [first, second, third] = perSample(sparseSoftmaxCrossEntropy, labels, logits, dtype);
      const gradient = gradientOf(sparseSoftmaxCrossEntropy, labels, logits, undefined, dtype);

      expect([first, second, third].map(Number.isNaN)).toStrictEqual([false, true, false]);
      expect(gradient.map(Number.isNaN)).toStrictEqual([0, 0, 0, 1, 1, 1, 0, 0, 0].map(Boolean));
    },
  );
});

describe('checkLabels of sparseSoftmaxCrossEntropy', () => {
  const check = (data: number[], shape = [data.length], classes = 10): string | undefined =>
    sparseSoftmaxCrossEntropy.checkLabels!({ data: Float32Array.from(data), shape }, [...shape, classes]);

  it.each([
    [[1, 2, 3, 12], 'label 12 of sample 3 must be below the 10 classes of the predictions'],
    [[10, 2], 'label 10 of sample 0 must be below the 10 classes of the predictions'],
    [[1, Infinity], 'label Infinity of sample 1 must be below the 10 classes of the predictions'],
    [[1, -1], 'label -1 of sample 1 must be a whole number of at least 0'],
    [[1, 2.5], 'label 2.5 of sample 1 must be a whole number of at least 0'],
    [[NaN], 'label NaN of sample 0 must be a whole number of at least 0'],
  ])('says of %j: %s', (data, problem) => {
    expect(check(data)).toBe(problem);
  });

  it('takes 0 and the last class', () => {
    expect(check([0, 9])).toBeUndefined();
  });

  it('counts samples, not labels', () => {
    expect(check([1, 2, 3, 4, 5, 12], [2, 3])).toBe(
      'label 12 of sample 1 must be below the 10 classes of the predictions',
    );
  });
});

function list<T>(of: fc.Arbitrary<T>, length: number): fc.Arbitrary<T[]> {
  return fc.array(of, { minLength: length, maxLength: length });
}

function row(length: number): number[] {
  return [...Array(length).keys()];
}
