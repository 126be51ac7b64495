import fc from 'fast-check';
import { from } from 'ix/asynciterable';
import { describe, expect, it } from 'vitest';

import { ArgumentError } from '../../src/core/errors.js';
import { shard } from '../../src/data/index.js';
import { collect } from './sources.js';

const shardOf = <T>(values: T[], rank: number, worldSize: number): Promise<T[]> =>
  collect(from(values).pipe(shard(rank, worldSize)));

describe('shard', () => {
  it('gives every second value, beginning with its rank', async () => {
    expect(await shardOf([...'abcde'], 0, 2)).toStrictEqual(['a', 'c', 'e']);
    expect(await shardOf([...'abcde'], 1, 2)).toStrictEqual(['b', 'd']);
  });

  it('gives everything to the only replica', async () => {
    expect(await shardOf([...'abc'], 0, 1)).toStrictEqual(['a', 'b', 'c']);
  });

  it('gives nothing to a replica that a short source does not reach', async () => {
    expect(await shardOf([...'ab'], 2, 3)).toStrictEqual([]);
    expect(await shardOf([], 0, 3)).toStrictEqual([]);
  });

  it('gives every value to exactly one replica, in turn', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.integer()), fc.integer({ min: 1, max: 7 }), async (values, worldSize) => {
        const ranks = Array.from({ length: worldSize }, (_, rank) => rank);
        const shards = await Promise.all(ranks.map((rank) => shardOf(values, rank, worldSize)));

        expect(values.map((_, i) => shards[i % worldSize]![Math.floor(i / worldSize)])).toStrictEqual(values);
        expect(shards.flat()).toHaveLength(values.length);
      }),
    );
  });

  it.each([
    [-1, 2],
    [2, 2],
    [0.5, 2],
    [NaN, 2],
    [0, 0],
    [0, 1.5],
    [0, Infinity],
  ])('rejects rank %d of %d at once', (rank, worldSize) => {
    expect(() => shard(rank, worldSize)).toThrow(ArgumentError);
  });
});
