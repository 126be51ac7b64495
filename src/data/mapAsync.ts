import { defer } from 'ix/asynciterable/defer';
import { wrapWithAbort } from 'ix/asynciterable/operators/withabort';
import type { OperatorAsyncFunction } from 'ix/interfaces';

import { disposeTensors } from '../core/batch.js';
import { ArgumentError, assertPositiveInteger } from '../core/errors.js';

/** Options of {@link mapAsync}. */
export interface MapAsyncOptions {
  /** How many calls may be under way at once; a positive integer. */
  readonly concurrency: number;
}

/**
 * Gives what an asynchronous function makes of each value, in the order of the source, with several calls under way at once.
 *
 * Reading and decoding files one after the other leaves the device waiting; several at a time keep it busy.
 *
 * ```text
 * source:  a  b  c  d |
 *              mapAsync(f, { concurrency: 2 })
 * f(a):    [-----]
 * f(b):       [-]                done early, waits for its turn
 * f(c):          [----]
 * output:        A B   C …
 * ```
 *
 * Starts when the first result is asked for, and never holds more than `concurrency` values, finished ones included; with 1 a call starts only
 * when its result is asked for. An error, of a call or of the source, comes in its turn, after the results before it; nothing is pulled or started
 * from the moment it happens. At early exit the signal is aborted and the source's `return()` called at once; the exit then waits for a
 * pull that is under way, not for calls.
 *
 * **Memory**: up to `concurrency` values and results.
 * **Ownership**: takes each value and hands on each result; disposes the tensors in results that nobody takes any more.
 *
 * @example
 * ```ts
 * const pages = from(['https://a.example/1', 'https://a.example/2']).pipe(
 *   mapAsync(async (url, _index, signal) => (await fetch(url, { signal })).text(), { concurrency: 4 }),
 * );
 * ```
 *
 * @param fn - Called with the value, its index from 0, and a signal that aborts when nobody wants the result any more.
 * @param options - How many calls at once.
 * @throws {@link ArgumentError} at once, if `fn` is no function or `concurrency` no positive integer.
 * Errors with whatever `fn` throws or rejects with.
 */
export function mapAsync<T, R>(
  fn: (value: T, index: number, signal: AbortSignal) => PromiseLike<R> | R,
  { concurrency }: MapAsyncOptions,
): OperatorAsyncFunction<T, R> {
  if (typeof fn !== 'function') throw new ArgumentError(`mapAsync: fn must be a function, received ${typeof fn}`);
  assertPositiveInteger(concurrency, 'mapAsync: concurrency');
  return (source) => defer((signal) => mapped(source, fn, concurrency, signal));
}

async function* mapped<T, R>(
  source: AsyncIterable<T>,
  fn: (value: T, index: number, signal: AbortSignal) => PromiseLike<R> | R,
  concurrency: number,
  outer: AbortSignal | undefined,
): AsyncGenerator<R, void, undefined> {
  const exit = new AbortController();
  const signal = outer ? AbortSignal.any([outer, exit.signal]) : exit.signal;
  const iterator = wrapWithAbort(source, signal)[Symbol.asyncIterator]();
  const calls: Promise<{ result: R } | undefined>[] = [];
  let lastPull: Promise<unknown> = Promise.resolve();
  let index = 0;
  let stopped = false;
  let exhausted = false;

  const pull = (): Promise<IteratorResult<T> | undefined> => {
    // One pull at a time, as for await would do it.
    const pulled = lastPull.then(() => (stopped || exhausted ? undefined : iterator.next()));
    lastPull = pulled.then(
      (next) => (exhausted ||= next?.done === true),
      () => (exhausted = true),
    );
    return pulled;
  };
  const call = async (): Promise<{ result: R } | undefined> => {
    const next = await pull();
    if (!next || next.done) return undefined;
    if (stopped) {
      disposeTensors(next.value);
      return undefined;
    }
    try {
      return { result: await fn(next.value, index++, signal) };
    } catch (error) {
      stopped = true;
      throw error;
    }
  };

  try {
    for (;;) {
      while (calls.length < concurrency) {
        const started = call();
        started.catch(ignore); // reported when its turn comes
        calls.push(started);
      }
      const done = await calls.shift();
      if (!done) return;
      yield done.result;
    }
  } finally {
    stopped = true;
    exit.abort();
    for (const left of calls) left.then((done) => disposeTensors(done?.result), ignore);
    if (!exhausted) await iterator.return?.();
  }
}

function ignore(): void {
  // nothing to do
}
