import { Observable, Subject } from 'rxjs';

import { disposeTensors } from './batch.js';
import { ArgumentError, assertPositiveInteger, messageOf, SourceError } from './errors.js';
import { RUN, type InRun, type Run } from './run.js';
import { openSource, type EpochSource } from './source.js';

/** Options of {@link fromPull}. */
export interface FromPullOptions {
  /** Batches that may be asked for before they are due; 0 or more. */
  readonly prefetch?: number;
  /** Passes over the source; may be Infinity. */
  readonly epochs?: number;
}

interface Pulled<T> {
  readonly value: T;
  readonly epoch: number;
}

/** How long the loop may run before timers, signals and the page get a turn. */
const TURN_MS = 16;

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
  { prefetch = 1, epochs = 1 }: FromPullOptions = {},
): Observable<T & InRun & { readonly epoch: number }> {
  if (!Number.isInteger(prefetch) || prefetch < 0) {
    throw new ArgumentError(`fromPull: prefetch must be a whole number of at least 0, received ${prefetch}`);
  }
  if (epochs !== Infinity) assertPositiveInteger(epochs, 'fromPull: epochs');

  return new Observable((subscriber) => {
    const abort = new AbortController();
    const epochEnd$ = new Subject<void>();
    const waits = new Set<PromiseLike<unknown>>();
    const run: Run = {
      epochEnd$,
      waitUntil: (promise) => {
        const wait: Promise<void> = Promise.resolve(promise)
          .then(noop, noop) // a stage reports its own error
          .then(() => void waits.delete(wait));
        waits.add(wait);
      },
    };
    const pull = puller(source, epochs, abort.signal);
    const ahead: Promise<Pulled<T> | undefined>[] = [];

    const settled = async (): Promise<void> => {
      while (waits.size > 0) await Promise.all(waits);
    };
    const emitAll = async (): Promise<void> => {
      let epoch = 0;
      let turn = performance.now();
      for (;;) {
        const pulled = await (ahead.shift() ?? pull.next());
        if (epoch > 0 && pulled?.epoch !== epoch && !subscriber.closed) {
          epochEnd$.next();
          await settled();
        }
        if (subscriber.closed) return disposeTensors(pulled?.value);
        if (!pulled) break;
        epoch = pulled.epoch;
        while (ahead.length < prefetch) ahead.push(pull.next());
        subscriber.next({ ...pulled.value, epoch, [RUN]: run });
        await settled();
        if (performance.now() - turn > TURN_MS) {
          await nextTurn();
          turn = performance.now();
        }
      }
      subscriber.complete();
    };
    emitAll().catch((error: unknown) => subscriber.error(error));

    return () => {
      abort.abort();
      pull.stop();
      ahead.forEach((pulled) => void pulled.then((result) => disposeTensors(result?.value), noop));
    };
  });
}

/** Asks for one value after the other, never for two at once, over all epochs. */
function puller<T extends object>(
  source: EpochSource<T>,
  epochs: number,
  signal: AbortSignal,
): { next(): Promise<Pulled<T> | undefined>; stop(): void } {
  let iterator: AsyncIterator<T> | Iterator<T> | undefined;
  let epoch = 0;
  let inEpoch = 0;
  let batches = 0;
  let last: Promise<Pulled<T> | undefined> = Promise.resolve(undefined);

  const next = async (): Promise<Pulled<T> | undefined> => {
    while (!signal.aborted) {
      if (!iterator) {
        if (epoch === epochs) return undefined;
        epoch += 1;
        inEpoch = 0;
        iterator = iterate(openSource(source, epoch, signal), signal);
      }
      const result = await iterator.next();
      if (!result.done) {
        const value = checked(result.value, batches);
        inEpoch += 1;
        batches += 1;
        return { value, epoch: (value as { epoch?: number }).epoch ?? epoch };
      }
      iterator = undefined;
      if (inEpoch === 0) {
        const remedy = epoch === 1 ? 'is it empty?' : 'give a function that makes a new source for each epoch';
        throw new SourceError(
          `fromPull: the source must give a batch in every epoch, received none in epoch ${epoch}; ${remedy}`,
          batches,
        );
      }
    }
    return undefined;
  };
  const failed = (cause: unknown): never => {
    if (cause instanceof SourceError) throw cause;
    iterator = undefined;
    throw new SourceError(
      `fromPull: the source must go on, it failed after ${batches} batches: ${messageOf(cause)}`,
      batches,
      { cause },
    );
  };
  return {
    next: () => {
      last = last.then(next).catch(failed);
      last.catch(noop); // whoever takes it out of the queue reports it
      return last;
    },
    stop: () => {
      const stopped = iterator;
      iterator = undefined;
      void Promise.resolve(stopped?.return?.()).catch((error: unknown) => {
        if (error !== signal.reason) throw error; // no subscriber is left to be told: the host reports it
      });
    },
  };
}

function iterate<T>(source: AsyncIterable<T> | Iterable<T>, signal: AbortSignal): AsyncIterator<T> | Iterator<T> {
  // IxJS's iterables take the signal; others ignore the argument.
  if (Symbol.asyncIterator in source)
    return (source[Symbol.asyncIterator] as (signal: AbortSignal) => AsyncIterator<T>)(signal);
  return source[Symbol.iterator]();
}

function checked<T extends object>(value: T, batches: number): T {
  const prototype: unknown = typeof value === 'object' && value !== null ? Object.getPrototypeOf(value) : undefined;
  if (prototype === Object.prototype || prototype === null) return value;
  disposeTensors(value);
  throw new SourceError(
    `fromPull: batches must be plain objects such as { xs, ys }, received ${String(value)} as batch ${batches + 1}`,
    batches,
  );
}

/** Lets timers, signals and the page have a turn; a microtask would not. */
function nextTurn(): Promise<void> {
  return new Promise((resolve) => {
    if (typeof setImmediate === 'function') return void setImmediate(resolve);
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => {
      port1.close();
      resolve();
    };
    port2.postMessage(null);
  });
}

function noop(): void {
  // nothing to do
}
