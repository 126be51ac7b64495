import { defer } from 'ix/asynciterable/defer';
import { wrapWithAbort } from 'ix/asynciterable/operators/withabort';
import type { MonoTypeOperatorAsyncFunction } from 'ix/interfaces';

import { checkRank } from './checkRank.js';

/**
 * Gives every `worldSize`-th value of a source, beginning with number `rank`.
 *
 * Each replica trains on a part of its own; together they see every value once.
 *
 * ```text
 * source:  a  b  c  d  e |
 * shard(0, 2):  a     c     e |
 * shard(1, 2):     b     d    |
 * ```
 *
 * Shards differ in length by one at most. A source with fewer values than replicas leaves some empty. Placed after a `shuffle` with the same
 * seed on all replicas, it gives other parts in each epoch. An error of the source passes at once; early exit ends the source at once.
 *
 * **Memory**: nothing is held; every replica still reads the whole source.
 * **Ownership**: the values it skips are left alone, because another shard of the same source may hold them: shard before tensors are made.
 *
 * @example
 * ```ts
 * const mine = fromArrays({ xs: [[1], [2], [3]], ys: [1, 2, 3] }).pipe(shuffle({ seed: 7 }), shard(0, 2), batch(2));
 * ```
 *
 * @param rank - Which replica this is; 0 or more, below `worldSize`.
 * @param worldSize - How many replicas there are; a positive integer.
 * @throws {@link ArgumentError} at once, if either is out of range.
 */
export function shard<T>(rank: number, worldSize: number): MonoTypeOperatorAsyncFunction<T> {
  checkRank('shard', rank, worldSize);
  return (source) =>
    defer(async function* (signal) {
      let index = 0;
      for await (const value of wrapWithAbort(source, signal)) {
        if (index % worldSize === rank) yield value;
        index += 1;
      }
    });
}
