import { describe, expect, expectTypeOf, it } from 'vitest';

import type { NdArray } from '../../src/core/batch.js';
import { ArgumentError } from '../../src/core/errors.js';
import { fromArrays, ndArray } from '../../src/data/index.js';
import { collect } from './sources.js';

describe('fromArrays', () => {
  it('gives one sample for each element of nested arrays', async () => {
    const xs = [
      [1, 2],
      [3, 4],
      [5, 6],
    ];

    expect(await collect(fromArrays({ xs, ys: [0, 1, 1] }))).toStrictEqual([
      { xs: { data: Float32Array.of(1, 2), shape: [2] }, ys: { data: Float32Array.of(0), shape: [] } },
      { xs: { data: Float32Array.of(3, 4), shape: [2] }, ys: { data: Float32Array.of(1), shape: [] } },
      { xs: { data: Float32Array.of(5, 6), shape: [2] }, ys: { data: Float32Array.of(1), shape: [] } },
    ]);
  });

  it('gives views of typed arrays in the shape of a sample, and keeps their types', async () => {
    const pixels = Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8);
    const labels = Int32Array.of(3, 4);
    const samples = await collect(fromArrays({ xs: { data: pixels, shape: [2, 2, 2] }, ys: labels }));

    expect(samples).toStrictEqual([
      { xs: { data: Uint8Array.of(1, 2, 3, 4), shape: [2, 2] }, ys: { data: Int32Array.of(3), shape: [] } },
      { xs: { data: Uint8Array.of(5, 6, 7, 8), shape: [2, 2] }, ys: { data: Int32Array.of(4), shape: [] } },
    ]);
    expect(samples[1]!.xs.data.buffer).toBe(pixels.buffer);
    expect(samples[1]!.ys.data.buffer).toBe(labels.buffer);
  });

  it('reads a part of a larger buffer from where it begins', async () => {
    const part = Float32Array.of(9, 9, 1, 2).subarray(2);
    const samples = await collect(fromArrays({ xs: part, ys: part }));

    expect(samples.map(({ xs }) => xs.data[0])).toStrictEqual([1, 2]);
  });

  it('takes lists and records of values', async () => {
    const xs = { image: { data: Uint8Array.of(1, 2, 3, 4), shape: [2, 2] }, age: [30, 40], size: [[1], [2]] };
    const ys = [ndArray([5, 6], 'int32'), ndArray([7, 8])] as const;
    const samples = await collect(fromArrays({ xs, ys }));

    expect(samples[1]).toStrictEqual({
      xs: {
        image: { data: Uint8Array.of(3, 4), shape: [2] },
        age: { data: Float32Array.of(40), shape: [] },
        size: { data: Float32Array.of(2), shape: [1] },
      },
      ys: [
        { data: Int32Array.of(6), shape: [] },
        { data: Float32Array.of(8), shape: [] },
      ],
    });
  });

  it('types samples as their arrays are arranged', async () => {
    const samples = fromArrays({ xs: { image: Uint8Array.of(1), age: [30] }, ys: [[1, 0]] });
    const list = fromArrays({ xs: [ndArray([1]), ndArray([2])], ys: Int32Array.of(1) });
    const [sample] = await collect(samples);

    expectTypeOf(sample!.xs).toEqualTypeOf<{ readonly image: NdArray; readonly age: NdArray }>();
    expectTypeOf(sample!.ys).toEqualTypeOf<NdArray>();
    expectTypeOf((await collect(list))[0]!.xs).toEqualTypeOf<readonly NdArray[]>();
    expect(Object.keys(sample!.xs)).toStrictEqual(['image', 'age']);
  });

  it('can be read again, and by two at once', async () => {
    const samples = fromArrays({ xs: [1, 2, 3], ys: [1, 2, 3] });
    const [one, two] = await Promise.all([collect(samples), collect(samples)]);

    expect(one).toHaveLength(3);
    expect(two).toStrictEqual(one);
  });

  it('takes one sample with one scalar', async () => {
    expect(await collect(fromArrays({ xs: [7], ys: [8] }))).toHaveLength(1);
  });

  it.each([
    ['no samples', { xs: [], ys: [] }, 'fromArrays: the arrays must hold at least 1 sample, received 0'],
    ['no values', { xs: {}, ys: {} }, 'fromArrays: the arrays must hold at least 1 sample, received 0'],
    [
      'no samples of a shape',
      { xs: { data: new Float32Array(0), shape: [0, 2] }, ys: [] },
      'fromArrays: the arrays must hold at least 1 sample, received 0',
    ],
    [
      'differing counts',
      { xs: [1, 2, 3], ys: [1, 2] },
      'fromArrays: every value must hold the same number of samples, received xs: 3, ys: 2',
    ],
    [
      'differing counts within a record',
      { xs: { a: [1, 2], b: [1] }, ys: [1, 2] },
      'fromArrays: every value must hold the same number of samples, received xs.a: 2, xs.b: 1, ys: 2',
    ],
    [
      'ragged nesting',
      { xs: [[1, 2], [3]], ys: [1, 2] },
      'fromArrays: xs[1] must hold 2 elements, as the first beside it, received 1',
    ],
    ['text among numbers', { xs: { a: [1, '2'] }, ys: [1, 2] }, 'fromArrays: xs.a[1] must be a number, received "2"'],
    [
      'data that do not fit their shape',
      { xs: { data: new Float32Array(5), shape: [2, 2] }, ys: [1, 2] },
      'fromArrays: xs must have a shape that begins with the number of samples and holds its 5 numbers, received float32 [2,2]',
    ],
    [
      'a shape without samples',
      { xs: [1], ys: { data: Int32Array.of(1), shape: [] } },
      'fromArrays: ys must have a shape that begins with the number of samples and holds its 1 numbers, received int32 []',
    ],
  ])('rejects %s at once', (_what, arrays, message) => {
    expect(() => fromArrays(arrays as never)).toThrow(new ArgumentError(message));
  });

  it.each([[new Float64Array(2)], [7], [undefined], [null], ['ab'], [new Map()], [{ data: [1, 2], shape: [2] }]])(
    'rejects %o as labels',
    (ys) => {
      expect(() => fromArrays({ xs: [1, 2], ys: ys as never })).toThrow(ArgumentError);
    },
  );
});
