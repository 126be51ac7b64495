import * as tf from '@tensorflow/tfjs';
import { describe, expect, it } from 'vitest';

import { ArgumentError } from '../../src/core/errors.js';
import { huber, mae, mse } from '../../src/losses/index.js';
import { gradientOf, kernelsOf, perSample, values } from './support.js';

const labels = values([
  [1, 2],
  [3, 4],
]);
const predictions = values([
  [1, 3],
  [3, 1],
]);

describe.each([
  ['mse', mse, [0.5, 4.5], [0, 1, 0, -3], 3],
  ['mae', mae, [0.5, 1.5], [0, 0.5, 0, -0.5], 4],
  ['huber(1)', huber(), [0.25, 1.25], [0, 0.5, 0, -0.5], 6],
  ['huber(2)', huber(2), [0.25, 2], [0, 0.5, 0, -1], 6],
] as const)('%s', (_name, loss, expected, gradient, kernels) => {
  it('is the mean over the numbers of a sample', () => {
    expect(perSample(loss, labels, predictions)).toStrictEqual(expected);
    expect(gradientOf(loss, labels, predictions)).toStrictEqual(gradient);
  });

  it('does not broadcast labels [n] against predictions [n, 1]', () => {
    expect(() => perSample(loss, values([1, 2]), values([[1], [2]]))).toThrow(
      'labels must have shape [2, 1] for predictions of shape [2, 1], received [2]',
    );
  });

  it('runs the kernels that its comment states', async () => {
    const table = tf.zeros([2, 3]);

    expect(await kernelsOf(() => loss(table, table))).toHaveLength(kernels);
    expect(await kernelsOf(() => tf.grad((x) => loss(table, x))(table, tf.ones([2])))).toHaveLength(kernels + 1 + 3);
    table.dispose();
  });
});

it.each([0, -1, NaN, Infinity])('huber rejects a delta of %d at once', (delta) => {
  expect(() => huber(delta)).toThrow(ArgumentError);
});
