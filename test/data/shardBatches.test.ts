import * as tf from '@tensorflow/tfjs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { isTensor, valuesOf, weightOf, type Batch } from '../../src/core/batch.js';
import { ArgumentError } from '../../src/core/errors.js';
import { openSource, type EpochSource } from '../../src/core/source.js';
import { shardBatches } from '../../src/data/index.js';
import { batchesOf } from '../support/line.js';

const partsOf = async (source: EpochSource<Batch>, rank: number, worldSize: number): Promise<Batch[]> => {
  const parts: Batch[] = [];
  const opened = openSource(shardBatches(source, rank, worldSize), 1, new AbortController().signal);
  for await (const part of opened) parts.push(part);
  return parts;
};
const dataOf = ({ xs }: Batch): number[] =>
  valuesOf(xs).flatMap((value) => (isTensor(value) ? [...value.dataSync()] : [...value.data]));

describe('shardBatches', () => {
  it('cuts every batch into the parts of all replicas, in order', async () => {
    const sizes = fc.array(fc.integer({ min: 4, max: 9 }), { minLength: 1, maxLength: 4 });
    const last = fc.integer({ min: 1, max: 9 });
    await fc.assert(
      fc.asyncProperty(sizes, last, fc.integer({ min: 1, max: 4 }), async (some, size, worldSize) => {
        const batches = batchesOf([...some, size]).map((batch, i) => ({ ...batch, epoch: 3, weight: i + 1 }));
        const all = await Promise.all(
          Array.from({ length: worldSize }, (_, rank) => partsOf(batches, rank, worldSize)),
        );
        batches.forEach((batch, i) => {
          const parts = all.map((own) => own[i]!).filter((part) => weightOf(part) > 0);
          expect(parts.flatMap(dataOf)).toStrictEqual(dataOf(batch));
          expect(parts.reduce((sum, part) => sum + weightOf(part), 0)).toBeCloseTo(i + 1, 9);
          expect(new Set(parts.map(({ epoch }) => epoch))).toStrictEqual(new Set([3]));
          const lengths = parts.map(({ ys }) => valuesOf(ys)[0]!.shape[0]!);
          expect(Math.max(...lengths) - Math.min(...lengths)).toBeLessThanOrEqual(1);
        });
        for (const own of all) expect(own).toHaveLength(batches.length); // so that the place of one is that of all
      }),
    );
  });

  it('cuts weights of samples along', async () => {
    const [batch] = batchesOf([3]);
    const source = [{ ...batch!, weight: [1, 2, 4] }];
    expect((await partsOf(source, 0, 2)).map(weightOf)).toStrictEqual([3]);
    expect((await partsOf(source, 1, 2)).map(weightOf)).toStrictEqual([4]);
  });

  it('takes the tensors of a batch, and gives new ones', async () => {
    const source = (): Batch[] => [{ xs: tf.tensor2d([[1], [2], [3]]), ys: tf.tensor1d([1, 2, 3]) }];
    const [part, ...none] = await partsOf(source, 1, 2);
    expect(none).toHaveLength(0);
    expect(dataOf(part!)).toStrictEqual([3]);
    tf.dispose([part!.xs, part!.ys] as tf.Tensor[]);
  });

  it('is told of the epoch, and opens the source anew for each', async () => {
    const source = (epoch: number) => batchesOf([2 * epoch]);
    const opened = openSource(shardBatches(source, 0, 2), 2, new AbortController().signal);
    for await (const part of opened) expect(valuesOf(part.xs)[0]!.shape).toStrictEqual([2, 2]);
  });

  it('gives those without a sample the first one, without weight, wherever the batch stands', async () => {
    const batches = batchesOf([1, 4, 2]).map((batch) => ({ ...batch, weight: 5 }));
    const all = await Promise.all([0, 1, 2].map((rank) => partsOf(batches, rank, 3)));
    expect(all.map((parts) => parts.map(weightOf))).toStrictEqual([
      [5, 2.5, 2.5],
      [0, 1.25, 2.5],
      [0, 1.25, 0],
    ]);
    for (const parts of all) expect(dataOf(parts[0]!)).toStrictEqual(dataOf(batches[0]!));
  });

  it.each([
    [2, 2],
    [-1, 2],
    [0, 0],
  ])('rejects rank %d of %d at once', (rank, worldSize) => {
    expect(() => shardBatches([], rank, worldSize)).toThrow(ArgumentError);
  });
});
