import { NEVER, Observable } from 'rxjs';

import { disposeTensors } from './batch.js';
import { ArgumentError, assertPositiveInteger } from './errors.js';
import { countsIn } from './heldData.js';
import { endings } from './endings.js';
import { gates } from './gates.js';
import { RUN, type InRun, type Run } from './run.js';
import { pullAhead } from './pullAhead.js';
import { puller, type Cursor } from './puller.js';
import { nextTurn } from './nextTurn.js';
import { runState } from './runState.js';
import type { Checkpoint } from './snapshot.js';
import type { EpochSource } from './source.js';
import { spentTimes } from './spentTimes.js';
import { standing } from './standing.js';
import { STOPPED, stopping } from './stopping.js';
import { sayOtherVersions } from './versions.js';
import { waits } from './waits.js';

/** Options of {@link fromPull}. */
export interface FromPullOptions {
  /** Batches that may be asked for before they are due; 0 or more. */
  readonly prefetch?: number;
  /** Passes over the source; may be Infinity. */
  readonly epochs?: number;
  /** For how many milliseconds the run may go on before timers, signals and the page get a turn; also in a hidden tab. */
  readonly yieldEveryMs?: number;
  /** What a run held when it was saved, to go on from there: the source is asked again for what has been given, and it is passed over. */
  readonly from?: Checkpoint;
  /** Ends the source when it emits, in mid-epoch: after the batch that is under way, at once if none is. */
  readonly until?: Observable<unknown>;
}

/**
 * Emits the batches of a source one by one, asking for the next only when everything that follows is done with the last.
 *
 * RxJS pushes and knows no backpressure; a training step is slow and data is endless. This is the one place where the two meet: data is pulled
 * up to here and pushed from here on.
 *
 * ```text
 * source asked:   a-b-----c-----d-----|        prefetch 1: one batch ahead
 * output:         a-------b-----c-----d-----|
 * step at work:   [-------][----][----][----]
 * ```
 *
 * An emission is done when it returns and every promise given to {@link waitUntil} for it has settled. Emits every value as a copy with its
 * `epoch` (the first is 1). Between two epochs, and after the last, stages that hold something (`accumulate`) are told.
 * A source that fails is done with as one that ends, snapshots included, before its error goes down.
 * Unsubscribing aborts the signal that the source was given and calls the iterator's `return()` at once, so that its `finally` runs; batches
 * that were pulled and not emitted are disposed.
 *
 * **Memory**: at most `prefetch + 1` batches are alive.
 * **Ownership**: hands each batch to its one subscriber. A source that is read more than once must give fresh tensors each time, or none
 * (arrays on the host).
 *
 * @example
 * ```ts
 * fromPull(batches, { prefetch: 2, epochs: 10 }).pipe(forward(model, mse), backward(), accumulate(4), optimizerStep(adam()));
 * ```
 *
 * @param source - An AsyncIterable, Iterable, ReadableStream, `tf.data.Dataset`, or a function that makes one for each epoch.
 * @throws {@link ArgumentError} at once, if `prefetch` or `epochs` is out of range.
 * Errors with {@link SourceError}, if the source fails, is empty, or gives what is no plain object.
 */
export function fromPull<T extends object>(
  source: EpochSource<T>,
  { prefetch = 1, epochs = 1, yieldEveryMs = 50, from, until = NEVER }: FromPullOptions = {},
): Observable<T & InRun & { readonly epoch: number }> {
  if (!Number.isInteger(prefetch) || prefetch < 0) {
    throw new ArgumentError(`fromPull: prefetch must be a whole number of at least 0, received ${prefetch}`);
  }
  if (!(yieldEveryMs >= 0))
    throw new ArgumentError(`fromPull: yieldEveryMs must be at least 0, received ${yieldEveryMs}`);
  if (epochs !== Infinity) assertPositiveInteger(epochs, 'fromPull: epochs');

  return new Observable((subscriber) => {
    if (from) sayOtherVersions(from);
    const abort = new AbortController();
    const stops = stopping();
    const { isAsked, isGivenBack, orStopped } = stops;
    const { hold, isWaiting, settled } = waits();
    const { pauseUntil, areClosed, opened } = gates();
    const { words, endEpoch, end, endsAs } = endings(stops, { settled });
    const { state, take, close, during } = runState(from?.stages);
    let cursor: Cursor | undefined;
    const saved = state.join('source', () => ({ data: { ...cursor } }));
    let isRepeat = false;
    const times = spentTimes();
    const run: Run = { ...words, isRepeat: () => isRepeat, state, times, hold, pauseUntil };
    const pull = puller(source, epochs, abort.signal, saved && countsIn(saved.data, ['pass', 'given'], 'source'));
    const { next, fill, drop } = pullAhead(pull, stops, prefetch);

    const isClosed = (): boolean => subscriber.closed; // asked anew after each await, which TypeScript does not know
    const paused = () => (times.enter(), orStopped(during(opened(abort.signal))));
    let failure: { readonly error: unknown } | undefined;
    const failed = (error: unknown): typeof STOPPED => ((failure = { error }), STOPPED);
    const emitAll = async (): Promise<void> => {
      let epoch = 0;
      let turn = performance.now();
      for (;;) {
        times.enter('data');
        const pulled = await next().catch(failed);
        const before = pulled === STOPPED ? undefined : pull.endedBefore(pulled?.epoch);
        if (before) {
          // All stages up to the window's are restored by it, so that they are there when the end is told.
          ({ epoch, cursor } = before);
          isRepeat = true;
          subscriber.next({ ...before.value, epoch, [RUN]: run });
          await settled();
          isRepeat = false;
        }
        if (pulled !== STOPPED && epoch > 0 && pulled?.epoch !== epoch && !isClosed()) await endEpoch(!pulled);
        if (!pulled || pulled === STOPPED || isAsked() || isClosed()) {
          cursor = standing(pulled, cursor, isGivenBack());
          endsAs(pulled ? 'stopped' : 'over');
          if (pulled && pulled !== STOPPED) disposeTensors(pulled.value);
          break;
        }
        ({ epoch, cursor } = pulled);
        times.enter('snapshot');
        take(); // nothing is under way: the one moment when all stages agree
        if (areClosed()) {
          await paused();
          if (isAsked() || isClosed()) {
            endsAs('stopped');
            disposeTensors(pulled.value);
            break;
          }
        }
        times.enter('data');
        fill();
        subscriber.next(Object.assign({}, pulled.value, { epoch, [RUN]: run })); // a literal takes ten times as long on Node 20
        if (isWaiting()) await settled();
        if (performance.now() - turn > yieldEveryMs) {
          await (times.enter(), nextTurn());
          turn = performance.now();
        }
      }
      if (isClosed()) return;
      await end();
      take(); // whoever waits gets what is held at the end
      if (failure) {
        fail(failure.error);
        return;
      }
      if (areClosed()) await paused();
      subscriber.complete();
    };
    const fail = (error: unknown): void => subscriber.error(error);
    const asks = until.subscribe({ next: () => words.end({ reason: 'until' }), error: fail });
    emitAll().catch(fail);

    return () => {
      asks.unsubscribe();
      abort.abort();
      close();
      pull.stop();
      drop();
    };
  });
}
