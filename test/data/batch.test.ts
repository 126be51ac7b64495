import fc from 'fast-check';
import { from } from 'ix/asynciterable';
import { describe, expect, expectTypeOf, it } from 'vitest';

import type { Batch, NdArray } from '../../src/core/batch.js';
import { ArgumentError, SourceError } from '../../src/core/errors.js';
import { batch, epochs, fromArrays, ndArray, type Sample } from '../../src/data/index.js';
import { collect, collectUntilError, someSamples } from './sources.js';

const vector = (...values: number[]): Sample => ({ xs: ndArray(values), ys: ndArray(0) });

describe('batch', () => {
  it('stacks every two samples, then the remainder', async () => {
    expect(await collect(from(someSamples(3)).pipe(batch(2)))).toStrictEqual([
      { xs: { data: Float32Array.of(0, -0, 1, -1), shape: [2, 2] }, ys: { data: Int32Array.of(0, 1), shape: [2] } },
      { xs: { data: Float32Array.of(2, -2), shape: [1, 2] }, ys: { data: Int32Array.of(2), shape: [1] } },
    ]);
  });

  it('drops the remainder if asked to, and full batches never', async () => {
    const labels = async (n: number): Promise<number[][]> =>
      (await collect(from(someSamples(n)).pipe(batch(2, { remainder: 'drop' })))).map(({ ys }) => [
        ...(ys as NdArray).data,
      ]);

    expect(await labels(3)).toStrictEqual([[0, 1]]);
    expect(await labels(4)).toStrictEqual([
      [0, 1],
      [2, 3],
    ]);
    expect(await labels(1)).toStrictEqual([]);
  });

  it('gives nothing for nothing', async () => {
    expect(await collect(batch(2)(from<Sample>([])))).toStrictEqual([]);
  });

  it('gives batches that hold the source in order, whatever their size', async () => {
    await fc.assert(
      fc.asyncProperty(fc.nat({ max: 30 }), fc.integer({ min: 1, max: 12 }), async (n, size) => {
        const batches = await collect(from(someSamples(n)).pipe(batch(size)));
        const xs = batches.map((given) => given.xs as NdArray);

        expect(xs.flatMap(({ data }) => [...data])).toStrictEqual(
          someSamples(n).flatMap((s) => [...(s.xs as NdArray).data]),
        );
        expect(batches).toHaveLength(Math.ceil(n / size));
        xs.forEach(({ shape }, i) => expect(shape).toStrictEqual([Math.min(size, n - i * size), 2]));
      }),
    );
  });

  it('stacks lists and records value by value, each in its type', async () => {
    const sample = (i: number): Sample => ({
      xs: { image: { data: Uint8Array.of(i, i + 1), shape: [1, 2] }, age: ndArray(i / 2) },
      ys: [ndArray(i, 'int32'), ndArray([i])],
    });

    expect(await collect(from([sample(1), sample(2)]).pipe(batch(2)))).toStrictEqual([
      {
        xs: {
          image: { data: Uint8Array.of(1, 2, 2, 3), shape: [2, 1, 2] },
          age: { data: Float32Array.of(0.5, 1), shape: [2] },
        },
        ys: [
          { data: Int32Array.of(1, 2), shape: [2] },
          { data: Float32Array.of(1, 2), shape: [2, 1] },
        ],
      },
    ]);
  });

  it('gives each batch arrays of its own', async () => {
    const data = Float32Array.of(1, 2);
    const [first] = await collect(fromArrays({ xs: data, ys: data }).pipe(batch(2)));
    data[0] = 9;

    expect((first!.xs as NdArray).data).toStrictEqual(Float32Array.of(1, 2));
  });

  it('puts the weight of every sample into its batch', async () => {
    const samples = from(someSamples(3).map((sample, i) => ({ ...sample, tokens: i * 10 })));
    const batches = await collect(samples.pipe(batch(2, { weight: ({ tokens }) => tokens })));

    expect(batches.map(({ weight }) => weight)).toStrictEqual([[0, 10], [20]]);
  });

  it('leaves the weight out unless asked', async () => {
    const [given] = await collect(from(someSamples(1)).pipe(batch(2)));

    expect(Object.keys(given!)).toStrictEqual(['xs', 'ys']);
    expectTypeOf(given!).toEqualTypeOf<Batch>();
  });

  it('ends a batch with its epoch, and tags it', async () => {
    const given = async (remainder: 'keep' | 'drop') =>
      (await collect(epochs(someSamples(3), 2).pipe(batch(2, { remainder, weight: () => 1 })))).map(
        ({ ys, weight, epoch }) => ({
          ys: [...(ys as NdArray).data],
          weight,
          epoch,
        }),
      );

    expect(await given('keep')).toStrictEqual([
      { ys: [0, 1], weight: [1, 1], epoch: 1 },
      { ys: [2], weight: [1], epoch: 1 },
      { ys: [0, 1], weight: [1, 1], epoch: 2 },
      { ys: [2], weight: [1], epoch: 2 },
    ]);
    expect(await given('drop')).toStrictEqual([
      { ys: [0, 1], weight: [1, 1], epoch: 1 },
      { ys: [0, 1], weight: [1, 1], epoch: 2 },
    ]);
  });

  it('lets batches differ in shape, if their samples do not', async () => {
    const batches = await collect(from([vector(1), vector(2), vector(3, 4)]).pipe(batch(2)));

    expect(batches.map(({ xs }) => (xs as NdArray).shape)).toStrictEqual([
      [2, 1],
      [1, 2],
    ]);
  });

  it('stacks records by name, whatever the order of the names', async () => {
    const samples = [
      { xs: { a: ndArray(1), b: ndArray(2) }, ys: ndArray(0) },
      { xs: { b: ndArray(4), a: ndArray(3) }, ys: ndArray(0) },
    ];
    const [given] = await collect(from<Sample>(samples).pipe(batch(2)));

    expect(given!.xs).toStrictEqual({
      a: { data: Float32Array.of(1, 3), shape: [2] },
      b: { data: Float32Array.of(2, 4), shape: [2] },
    });
  });

  it.each<[string, Sample['xs'], Sample['xs'], string, string]>([
    ['shape', ndArray([1, 2]), ndArray([1, 2, 3]), 'float32 [2]', 'float32 [3]'],
    ['shape of the same size', ndArray([1, 2]), ndArray([[1, 2]]), 'float32 [2]', 'float32 [1,2]'],
    ['type', ndArray([1, 2]), ndArray([1, 2], 'int32'), 'float32 [2]', 'int32 [2]'],
    ['arrangement', ndArray(1), [ndArray(1)], 'float32 []', '[float32 []]'],
    ['names', { a: ndArray(1) }, { b: ndArray(1) }, '{ a: float32 [] }', '{ b: float32 [] }'],
    [
      'values by name',
      { a: ndArray(1) },
      { a: ndArray(1), b: ndArray(1) },
      '{ a: float32 [] }',
      '{ a: float32 [], b: float32 [] }',
    ],
    ['length', ndArray([1, 2]), { data: new Float32Array(3), shape: [2] }, 'float32 [2]', 'float32 [2] with 3 numbers'],
    ['existence', ndArray(1), undefined as never, 'float32 []', 'undefined'],
  ])(
    'errors when samples of a batch differ in %s, and says which',
    async (_what, first, second, expected, received) => {
      const samples = [first, first, first, second].map((xs) => ({ xs, ys: ndArray(0) }));
      const { values, error } = await collectUntilError(from(samples).pipe(batch(2)));

      expect(values).toHaveLength(1);
      expect(error).toStrictEqual(
        new SourceError(
          `batch: sample 4 must have xs of ${expected}, as the first of its batch, received ${received}`,
          1,
        ),
      );
      expect(error).toBeInstanceOf(SourceError);
      expect((error as SourceError).batch).toBe(1);
    },
  );

  it('compares samples by their lengths even where they share a shape', async () => {
    const shape = [2];
    const xs = [
      { data: new Float32Array(2), shape },
      { data: new Float32Array(3), shape },
    ];
    const { error } = await collectUntilError(from(xs.map((x) => ({ xs: x, ys: x }))).pipe(batch(2)));

    expect((error as Error).message).toContain('received float32 [2] with 3 numbers');
  });

  it('compares labels, too', async () => {
    const samples = [vector(1), { xs: ndArray([1]), ys: ndArray([0]) }];
    const { error } = await collectUntilError(from(samples).pipe(batch(2)));

    expect((error as Error).message).toBe(
      'batch: sample 2 must have ys of float32 [], as the first of its batch, received float32 [1]',
    );
  });

  it.each([
    ['numbers', [1, 2], '[1, 2]'],
    ['a row of a table', 'abc', '"abc"'],
    ['a broken NdArray', { data: new Float32Array(3), shape: [2] }, 'float32 [2] with 3 numbers'],
    ['nothing', undefined, 'undefined'],
    ['an object of a class', new Map(), 'a value of type Map'],
    ['a record with text', { a: ndArray(1), b: 'x' }, '{ a: float32 [], b: "x" }'],
  ])('errors when a sample holds %s', async (_what, xs, received) => {
    const { error } = await collectUntilError(from([{ xs, ys: ndArray(0) } as Sample]).pipe(batch(2)));

    expect(error).toBeInstanceOf(SourceError);
    expect((error as Error).message).toBe(
      `batch: sample 1 must have xs of NdArrays whose data fit their shapes, received ${received}`,
    );
  });

  it.each([-1, NaN, Infinity, undefined])('errors when a weight is %s', async (weight) => {
    const samples = from(someSamples(3));
    const { error } = await collectUntilError(
      samples.pipe(batch(2, { weight: ({ ys }) => ((ys as NdArray).data[0] === 2 ? weight! : 1) })),
    );

    expect(error).toStrictEqual(
      new SourceError(`batch: the weight of sample 3 must be a number of at least 0, received ${weight}`, 1),
    );
  });

  it('passes on what the weight function throws', async () => {
    const failure = new Error('no tokens');
    const weight = (): number => {
      throw failure;
    };

    expect((await collectUntilError(from(someSamples(1)).pipe(batch(2, { weight })))).error).toBe(failure);
  });

  it.each([0, -1, 1.5, NaN])('rejects the size %d at once', (size) => {
    expect(() => batch(size)).toThrow(ArgumentError);
  });

  it('rejects another word for the remainder at once', () => {
    expect(() => batch(2, { remainder: 'pad' as never })).toThrow(
      new ArgumentError("batch: remainder must be 'keep' or 'drop', received pad"),
    );
  });
});
