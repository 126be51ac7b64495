import { defer } from 'ix/asynciterable/defer';
import { wrapWithAbort } from 'ix/asynciterable/operators/withabort';
import type { OperatorAsyncFunction } from 'ix/interfaces';

import { disposeTensors, type Batch } from '../core/batch.js';
import { checkBatch } from '../core/checkBatch.js';
import { assertMost, passOver } from './corrupt.js';

/** Options of {@link skipCorrupt}. */
export interface SkipCorruptOptions<T, R> {
  /** How many records may be passed over; 0 or more, or Infinity. */
  readonly most: number;
  /** Makes what goes on of a record, and throws if it is corrupt. Left out, batches are checked as `forward` would. */
  readonly decode?: (record: T, index: number) => R | PromiseLike<R>;
}

/**
 * Passes over corrupt records, as many as it may.
 *
 * One broken image among a million should not end a night's run; a thousand of them should.
 *
 * ```text
 * source:  a  b  c  d |            b and d are corrupt
 *              skipCorrupt({ most: 1, decode })
 * output:  A     C  #
 * ```
 *
 * The console is told of each. Broken lines of `csv` and `jsonl` are passed over by their own `mostCorrupt`: a reader that has failed cannot go on.
 *
 * **Ownership**: takes each record and hands on what `decode` makes of it; disposes the tensors of those that are passed over.
 *
 * @example
 * ```ts
 * const texts = jsonl<{ x: number[] }>('points.jsonl', { mostCorrupt: 3 }).pipe(skipCorrupt({ most: 3, decode: ({ x }) => ({ xs: ndArray(x) }) }));
 * fromPull(from(batches).pipe(skipCorrupt({ most: 3 })));
 * ```
 *
 * @throws {@link ArgumentError} at once, if `most` is no such number.
 * Errors with {@link SourceError}, if there are more; its `batch` counts the records that were given, its `cause` is what `decode` threw.
 */
export function skipCorrupt<T, R = T>({
  most,
  decode = whole as (record: T, index: number) => R,
}: SkipCorruptOptions<T, R>): OperatorAsyncFunction<T, R> {
  assertMost(most, 'skipCorrupt: most');
  return (source) => defer((signal) => decoded(signal ? wrapWithAbort(source, signal) : source, most, decode));
}

async function* decoded<T, R>(
  source: AsyncIterable<T>,
  most: number,
  decode: (record: T, index: number) => R | PromiseLike<R>,
): AsyncGenerator<R, void, undefined> {
  const pass = passOver('skipCorrupt', most);
  let index = 0;
  let given = 0;
  for await (const record of source) {
    let result: R;
    try {
      result = await decode(record, index++);
    } catch (cause) {
      disposeTensors(record);
      pass(`record ${index}`, cause, given);
      continue;
    }
    yield result;
    given += 1;
  }
}

function whole(record: unknown, index: number): unknown {
  checkBatch(record as Batch, index + 1);
  return record;
}
