import type { AsyncIterableX } from 'ix/asynciterable';
import { defer } from 'ix/asynciterable/defer';
import { wrapWithAbort } from 'ix/asynciterable/operators/withabort';
import { asyncScheduler, elementAt, firstValueFrom, from, map, race, timer, type SchedulerLike } from 'rxjs';

import { disposeTensors } from '../core/batch.js';
import { assertPositive, SourceError } from '../core/errors.js';

/** Options of {@link timeout}. */
export interface TimeoutOptions {
  /** How long the source may take for one value, in milliseconds. */
  readonly ms: number;
  /** What measures the time; RxJS's `asyncScheduler` unless given. */
  readonly scheduler?: SchedulerLike;
}

/**
 * Passes values on, and fails when the source takes too long for one.
 *
 * A disk or a server that hangs would otherwise hang the run, and nobody would be told.
 *
 * ```text
 * source:  a  b        c
 *              timeout({ ms: 5 })
 * output:  a  b    #
 * ```
 *
 * Only the source is measured, from when a value is asked for: not the training, however long it takes between two values. A step that blocks the event
 * loop for all that time is not held against the source either: the time is measured in two halves, and between them what has arrived is seen. The
 * source's signal is aborted and its `return()` called, but not waited for. A value that comes too late is disposed.
 *
 * **Memory**: nothing. **Ownership**: hands every value on.
 *
 * @example
 * ```ts
 * fromPull(from(batches).pipe(timeout({ ms: 60_000 })));
 * ```
 *
 * @throws {@link ArgumentError} at once, if `ms` is not above 0.
 * Errors with {@link SourceError}, if a value is late; its `batch` counts the values before it.
 */
export function timeout({
  ms,
  scheduler = asyncScheduler,
}: TimeoutOptions): <T>(source: AsyncIterable<T>) => AsyncIterableX<T> {
  assertPositive(ms, 'timeout: ms');
  return (source) => defer((signal) => inTime(source, ms, scheduler, signal));
}

async function* inTime<T>(
  source: AsyncIterable<T>,
  ms: number,
  scheduler: SchedulerLike,
  outer: AbortSignal | undefined,
): AsyncGenerator<T, void, undefined> {
  const exit = new AbortController();
  const signal = outer ? AbortSignal.any([outer, exit.signal]) : exit.signal;
  const iterator = wrapWithAbort(source, signal)[Symbol.asyncIterator]();
  let given = 0;
  let isLate = false;
  let done = false;
  const late$ = timer(ms / 2, ms / 2, scheduler).pipe(
    elementAt(1),
    map((): never => {
      isLate = true;
      throw new SourceError(
        `timeout: the source must give each value within ${ms} ms, value ${given + 1} is late`,
        given,
      );
    }),
  );
  try {
    for (;;) {
      const pulled = iterator.next();
      const next = await firstValueFrom(race(from(pulled), late$)).catch((error: unknown) => {
        done = true; // a source that has failed or hangs is not waited for
        if (isLate) void pulled.then(({ value }) => disposeTensors(value), ignore);
        throw error;
      });
      if (next.done) {
        done = true;
        return;
      }
      yield next.value;
      given += 1;
    }
  } finally {
    exit.abort();
    const returned = isLate || !done ? iterator.return?.() : undefined;
    if (isLate) returned?.catch(ignore);
    else await returned;
  }
}

function ignore(): void {
  // nothing to do
}
