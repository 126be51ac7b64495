import { wrapWithAbort } from 'ix/asynciterable/operators/withabort';

import { disposeTensors, samplesOf, type Batch } from '../core/batch.js';
import { sliceBatch } from '../core/sliceBatch.js';
import { openSource, type EpochSource } from '../core/source.js';
import { checkRank } from './checkRank.js';

/**
 * Gives this replica's part of every batch.
 *
 * The parts of a batch make the batch, so the replicas of any number train on the same batches in the same order: a run may go on with more of them, or fewer.
 *
 * ```text
 * source:                 [a b c d]  [e f g]    [h]  |
 * shardBatches(…, 0, 2):  [a b]      [e f]      [h]  |
 * shardBatches(…, 1, 2):  [c d]      [g]        [h]⁰ |
 * ```
 *
 * Every replica must read the same batches: shuffle with the same seed on all. Parts are of neighbouring samples, and differ by one at most. Of a batch
 * that has fewer samples than there are replicas, those without one get the first, without weight: it counts nothing. So all have as many batches, and the
 * first replica's place in the source is that of all. An error of the source passes at once; early exit ends the source at once.
 *
 * **Memory**: every replica reads the whole source; the parts of arrays are views.
 * **Ownership**: takes the batches; the parts are the receiver's.
 *
 * @example
 * ```ts
 * const collective = await mpi();
 * const { rank, worldSize } = collective;
 * const mine = shardBatches((epoch) => data.pipe(shuffle({ seed: 1, epoch }), batch(64)), rank, worldSize);
 * train(model, mine, { loss: mse, optimizer: adam(), reduce: allReduce(collective) }).subscribe(console.log);
 * ```
 *
 * @param source - Whatever {@link fromPull} takes; its batches are those of all replicas together.
 * @param rank - Which replica this is; 0 or more, below `worldSize`.
 * @param worldSize - How many replicas there are; a positive integer.
 * @throws {@link ArgumentError} at once, if either is out of range.
 * @see {@link shard} for samples that have not been put into batches.
 */
export function shardBatches(source: EpochSource<Batch>, rank: number, worldSize: number): EpochSource<Batch> {
  checkRank('shardBatches', rank, worldSize);
  return (epoch, signal) => {
    const opened = openSource(source, epoch, signal);
    return parts(Symbol.asyncIterator in opened ? wrapWithAbort(opened, signal) : opened, rank, worldSize);
  };
}

async function* parts(
  batches: AsyncIterable<Batch> | Iterable<Batch>,
  rank: number,
  worldSize: number,
): AsyncGenerator<Batch, void, undefined> {
  for await (const batch of batches) {
    const samples = samplesOf(batch);
    const [start, end] = [Math.ceil((rank * samples) / worldSize), Math.ceil(((rank + 1) * samples) / worldSize)];
    const part = end > start ? sliceBatch(batch, start, end) : { ...sliceBatch(batch, 0, 1), weight: 0 };
    disposeTensors(batch);
    yield part;
  }
}
