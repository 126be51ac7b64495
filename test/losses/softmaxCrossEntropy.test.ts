import * as tf from '@tensorflow/tfjs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { softmaxCrossEntropy } from '../../src/losses/index.js';
import { apart, gradientOf, kernelsOf, perSample, values } from './support.js';

const oneHot = values([
  [0, 0, 1],
  [1, 0, 0],
]);

describe('softmaxCrossEntropy', () => {
  it('is log n when the logits say nothing of n classes', () => {
    expect(
      apart(
        perSample(
          softmaxCrossEntropy,
          oneHot,
          values([
            [7, 7, 7],
            [0, 0, 0],
          ]),
        ),
        [Math.log(3), Math.log(3)],
      ),
    ).toBeLessThan(1e-6);
  });

  it('neither overflows nor rounds to infinity with logits of 1e4', () => {
    const logits = values([
      [1e4, 0, -1e4],
      [1e4, -1e4, 1e4],
    ]);

    expect(apart(perSample(softmaxCrossEntropy, oneHot, logits), [2e4, Math.log(2)])).toBeLessThan(1e-6);
    expect(gradientOf(softmaxCrossEntropy, oneHot, logits)).toStrictEqual([1, 0, -1, -0.5, 0, 0.5]);
  });

  it('does not change when a constant is added to the logits, nor does its gradient', () => {
    // Sixteenths are exact in float32, and so are these sums.
    const row = fc.array(fc.integer({ min: -160, max: 160 }), { minLength: 3, maxLength: 3 });
    fc.assert(
      fc.property(row, row, fc.integer({ min: -16_000, max: 16_000 }), (first, second, constant) => {
        const logits = values([first, second].map((xs) => xs.map((x) => x / 16)));
        const moved = { ...logits, data: logits.data.map((x) => x + constant / 16) };

        expect(perSample(softmaxCrossEntropy, oneHot, moved)).toStrictEqual(
          perSample(softmaxCrossEntropy, oneHot, logits),
        );
        expect(gradientOf(softmaxCrossEntropy, oneHot, moved)).toStrictEqual(
          gradientOf(softmaxCrossEntropy, oneHot, logits),
        );
      }),
    );
  });

  it('is never below 0, and has a gradient that sums to 0 over the classes', () => {
    const row = fc.array(fc.float({ min: -50, max: 50, noNaN: true }), { minLength: 3, maxLength: 3 });
    fc.assert(
      fc.property(row, row, (first, second) => {
        const logits = values([first, second]);
        const gradient = gradientOf(softmaxCrossEntropy, oneHot, logits);

        expect(Math.min(...perSample(softmaxCrossEntropy, oneHot, logits))).toBeGreaterThanOrEqual(0);
        expect(
          apart(
            [0, 3].map((i) => gradient.slice(i, i + 3).reduce((a, b) => a + b)),
            [0, 0],
          ),
        ).toBeLessThan(1e-6);
      }),
    );
  });

  it('runs the kernels that its comment states', async () => {
    const labels = tf.tensor2d([[0, 1]]);
    const logits = tf.tensor2d([[1, 2]]);
    const forward = ['Softmax', 'Sub', 'Max', 'Sub', 'Multiply', 'Sum', 'Max', 'Log', 'Sub'];

    expect((await kernelsOf(() => softmaxCrossEntropy(labels, logits))).sort()).toStrictEqual(forward.sort());
    expect(await kernelsOf(() => tf.grad((x) => softmaxCrossEntropy(labels, x))(logits, tf.ones([1])))).toHaveLength(
      9 + 1 + 2,
    );
    tf.dispose([labels, logits]);
  });

  it('wants predictions of 2 classes or more', () => {
    const one = tf.ones([4, 1]);

    expect(() => softmaxCrossEntropy(one, one)).toThrow(
      'softmaxCrossEntropy: predictions must have shape [batch, …, classes] with 2 classes or more, received [4, 1]; ' +
        'for one logit per sample there are sigmoidCrossEntropy and binaryAccuracy',
    );
    one.dispose();
  });
});

describe('checkLabels of softmaxCrossEntropy', () => {
  const check = (data: number[], shape = [2, 3]): string | undefined =>
    softmaxCrossEntropy.checkLabels!({ data: Float32Array.from(data), shape }, shape);

  it.each([
    [[0, 0, 1, 0, 0, 0], 'the labels of sample 1 must sum to 1 over the classes, they sum to 0'],
    [[0, 1, 1, 1, 0, 0], 'the labels of sample 0 must sum to 1 over the classes, they sum to 2'],
    [[1, 0, 0, 1.5, -0.5, 0], 'label -0.5 of sample 1 must be at least 0'],
    [[1, 0, 0, NaN, 1, 0], 'label NaN of sample 1 must be at least 0'],
  ])('says of %j: %s', (data, problem) => {
    expect(check(data)).toBe(problem);
  });

  it('counts samples, not rows', () => {
    expect(check([1, 0, 0, 1, 1, 0, 0, 0], [2, 2, 2])).toBe(
      'the labels of sample 1 must sum to 1 over the classes, they sum to 0',
    );
  });

  it('lets rounding pass', () => {
    expect(check([0.333, 0.333, 0.333, 0.1, 0.2, 0.7])).toBeUndefined();
  });
});
