import { wrapWithAbort } from 'ix/asynciterable/operators/withabort';

import { isNdArray, isTensor, samplesOf, type Batch, type BatchValue, type BatchValues } from '../core/batch.js';
import type { Collective, CollectiveOptions } from '../core/collective.js';
import { openSource, type EpochSource } from '../core/source.js';
import { dtypeOf } from '../data/ndArray.js';
import { shardBatches } from '../data/shardBatches.js';
import { assertSame } from '../replicas/assertSame.js';

/** This rank's part of every batch; the first that is read is compared with those of the other ranks. */
export function sharedBatches(
  collective: Collective,
  source: EpochSource<Batch>,
  options: CollectiveOptions = {},
): EpochSource<Batch> {
  const { rank, worldSize } = collective;
  let isCompared = false;
  const compared: EpochSource<Batch> = (epoch, signal) => compareFirst(openSource(source, epoch, signal), signal);
  return shardBatches(compared, rank, worldSize);

  async function* compareFirst(batches: AsyncIterable<Batch> | Iterable<Batch>, signal: AbortSignal) {
    for await (const batch of Symbol.asyncIterator in batches ? wrapWithAbort(batches, signal) : batches) {
      if (!isCompared) await assertSame(collective, 'data', schemaOf(batch), options);
      isCompared = true;
      yield batch;
    }
  }
}

/** How many samples a batch has, and types and shapes of what they hold. */
export function schemaOf(batch: Batch): Readonly<Record<string, unknown>> {
  return { samples: samplesOf(batch), xs: described(batch.xs), ys: described(batch.ys) };
}

function described(values: BatchValues): unknown {
  if (isTensor(values) || isNdArray(values)) return describedOne(values);
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [name, describedOne(value as BatchValue)]));
}

function describedOne(value: BatchValue): string {
  return `${isTensor(value) ? value.dtype : dtypeOf(value.data)} [${value.shape.slice(1).join(',')}]`;
}
