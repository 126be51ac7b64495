import * as tf from '@tensorflow/tfjs';
import { describe, expect, it } from 'vitest';

import type { Batch, NdArray } from '../../src/core/batch.js';
import { repeatSamples, shareOf, sliceBatch } from '../../src/core/sliceBatch.js';

const ofRows = (...rows: number[][]): NdArray => ({
  data: Float32Array.from(rows.flat()),
  shape: [rows.length, rows[0]!.length],
});
const batch = (weight?: Batch['weight']): Batch => ({
  xs: ofRows([1, 2], [3, 4], [5, 6]),
  ys: [{ data: Int32Array.of(7, 8, 9), shape: [3] }],
  epoch: 4,
  ...(weight !== undefined && { weight }),
});

describe('sliceBatch', () => {
  it('takes the samples of every value, as views, and the epoch', () => {
    const whole = batch();
    const part = sliceBatch(whole, 1, 3);
    expect(part).toStrictEqual({
      xs: ofRows([3, 4], [5, 6]),
      ys: [{ data: Int32Array.of(8, 9), shape: [2] }],
      epoch: 4,
    });
    expect((part.xs as NdArray).data.buffer).toBe((whole.xs as NdArray).data.buffer);
  });

  it('takes rows of tensors, which are new, and values by name', () => {
    const x = tf.tensor3d([1, 2, 3, 4, 5, 6], [3, 1, 2]);
    const part = sliceBatch({ xs: { x }, ys: ofRows([1], [2], [3]) }, 0, 2);
    const own = (part.xs as { x: tf.Tensor }).x;
    expect(own.arraySync()).toStrictEqual([[[1, 2]], [[3, 4]]]);
    expect(part.ys).toStrictEqual(ofRows([1], [2]));
    tf.dispose([x, own]);
  });

  it('repeats samples of tensors until there are enough, or takes as many', () => {
    const given = { xs: { x: tf.tensor1d([1, 2]) }, ys: [tf.tensor2d([[3], [4]])] };
    for (const [samples, xs] of [
      [5, [1, 2, 1, 2, 1]],
      [1, [1]],
    ] as const) {
      // prettier-ignore
      const repeated = repeatSamples({ ...given, weight: [1, 2] }, samples) as unknown as typeof given;
      expect(repeated.xs.x.arraySync()).toStrictEqual(xs);
      expect(repeated.ys[0]!.arraySync()).toStrictEqual(xs.map((x) => [x + 2]));
      expect(repeated).not.toHaveProperty('weight');
      tf.dispose([repeated.xs, repeated.ys]);
    }
    tf.dispose([given.xs, given.ys]);
  });

  it.each<[string, Batch['weight'], Batch['weight'], number]>([
    ['nothing', undefined, undefined, 2 / 3],
    ['a number', 6, 4, 2 / 3],
    ['one for each', [1, 2, 5], [2, 5], 7 / 8],
    ['one for each, in a typed array', Float32Array.of(1, 2, 5), [2, 5], 7 / 8],
    ['nothing at all', [0, 0, 0], [0, 0], 0],
  ])('shares weights of %s', (_, weight, own, share) => {
    const part = sliceBatch(batch(weight), 1, 3);
    expect(part.weight).toStrictEqual(own);
    expect(shareOf(part, batch(weight))).toBeCloseTo(share, 12);
  });
});
