import { catchError, concatWith, defer, endWith, finalize, pipe, type MonoTypeOperatorFunction } from 'rxjs';

import { behindSink } from '../src/core/behindSink.js';
import { ArgumentError, assertPositive, assertPositiveInteger } from '../src/core/errors.js';
import { RUN, waitMap, type InRun } from '../src/core/run.js';
import { sinkWork, type Sink, type SinkWork } from '../src/core/sink.js';

export type { Sink } from '../src/core/sink.js';

/** Options of {@link tee}. */
export interface TeeOptions {
  /**
   * What becomes of an event that comes while the sink is busy: the run waits for the sink ('wait', unless given), or goes on, and the event is dropped
   * ('drop'), or the newest waits ('latest'), or the newest `buffer` wait. Only steps are dropped, the oldest that wait; all others wait.
   */
  readonly whenBusy?: 'wait' | 'drop' | 'latest' | { readonly buffer: number };
  /** How long the sink may take for one event, and for the end, in milliseconds; any time unless given. */
  readonly timeoutMs?: number;
}

/**
 * Gives every event to a sink and passes it on.
 *
 * One run can feed a progress bar, a file and a chart without being run three times.
 *
 * ```text
 * source:  --1-----2-----|
 *             tee(file)               file.next takes 2 frames
 * output:  ----1-----2---|
 * ```
 *
 * The event goes on, and the source is asked for more, once what `next` returned has completed. The end of the run waits for `complete`, an error of
 * the run for `error`.
 *
 * With another `whenBusy` than 'wait' the run does not wait: an event goes on at once, and waits for the sink while that is busy.
 *
 * ```text
 * source:  --1-2-3-4-V-|
 *             tee(page, { whenBusy: 'latest' })        page.next takes 5 frames
 * page:    --1----3----4----V----|                     dropped(1) before 3
 * output:  --1-2-3-4-V-----------|
 * ```
 *
 * Only steps are dropped, the oldest of those that wait; validations, checkpoints, changes and the end are few, and all come, in order. The sink is told
 * how many were `dropped`; the console is, if it does not want to know. The end, or the error, of the run comes when the sink has taken what waits. Being
 * unsubscribed gives up what waits. A recording that a run is to go on from wants 'wait'. **Memory**: the events that wait.
 *
 * A sink cannot change a run, but it can end it: one that throws, or with `timeoutMs` one that never settles, ends it with a typed error, since a
 * recording with a hole in it is worse than none. Checkpoints that were written before are whole, so nothing else is lost. A sink that may fail
 * catches for itself: `tee(async (event) => { try { … } catch { … } })`.
 *
 * @example
 * ```ts
 * train(model, batches, { loss: mse, optimizer: adam() }).pipe(tee((event) => console.log(event)), tee(file));
 * ```
 *
 * @param sink - An observer whose methods may return a Promise or an Observable, or just its `next`.
 * @throws {@link ArgumentError} at once, if there is no `next`, or `timeoutMs` is not above 0.
 * Errors with {@link SinkError}, naming the event, if the sink throws or is late; its `cause` is what was thrown.
 */
export function tee<E extends object>(
  sink: Sink<E> | Sink<E>['next'],
  { whenBusy = 'wait', timeoutMs }: TeeOptions = {},
): MonoTypeOperatorFunction<E> {
  const observer: Sink<E> = typeof sink === 'function' ? { next: sink } : sink;
  if (typeof observer?.next !== 'function')
    throw new ArgumentError(`tee: the sink must have next(event), received ${String(sink)}`);
  if (timeoutMs !== undefined) assertPositive(timeoutMs, 'tee: timeoutMs');
  const capacity = whenBusy === 'wait' ? undefined : capacityOf(whenBusy);

  return (source) =>
    defer(() => {
      const work = sinkWork(observer, timeoutMs);
      const given = capacity === undefined ? withSink(work) : behindSink(work, capacity);
      return source.pipe(given, finalize(work.release));
    });
}

/** Gives events to a sink and passes each on when the sink is done with it. */
function withSink<E extends object>({ next, error, complete }: SinkWork<E>): MonoTypeOperatorFunction<E> {
  return pipe(
    catchError(error),
    waitMap((event: E & InRun) => {
      event[RUN]?.times?.enter('sinks');
      return next(event).pipe(endWith(event));
    }),
    concatWith(defer(complete)),
  );
}

/** How many steps may wait for the sink. */
function capacityOf(whenBusy: Exclude<TeeOptions['whenBusy'], 'wait' | undefined>): number {
  if (whenBusy === 'drop') return 0;
  if (whenBusy === 'latest') return 1;
  const { buffer } = Object(whenBusy) as { buffer?: number };
  if (buffer === undefined)
    throw new ArgumentError(
      `tee: whenBusy must be 'wait', 'drop', 'latest' or { buffer: n }, received ${JSON.stringify(whenBusy)}`,
    );
  assertPositiveInteger(buffer, 'tee: whenBusy.buffer');
  return buffer;
}
