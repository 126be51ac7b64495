import { defer, firstValueFrom, retry, throwError, timer } from 'rxjs';

import { assertPositive, assertPositiveInteger, CheckpointError } from '../core/errors.js';
import type { CheckpointStore } from './store.js';

/** Options of {@link retryingStore}. */
export interface RetryOptions {
  /** How often it is tried again; 6 unless given. */
  readonly times?: number;
  /** How long is waited before that, in milliseconds, twice as long each time; 1000 unless given, which bridges a minute in all. */
  readonly delayMs?: number;
}

/**
 * A store that tries again when the store below fails.
 *
 * A run of days should not end because a server was away for a minute. Training goes on meanwhile.
 *
 * ```text
 * store:   x--x----x--------o         save fails three times
 *          retryingStore
 * output:  -----------------o         saved, after 1 + 2 + 4 times delayMs
 * ```
 *
 * What no second try can help is not tried again: a name that is none, a checkpoint that is not there. After the last try it rejects as the store
 * below does.
 *
 * **Memory**: a checkpoint stays in memory until it is saved; so do those that wait for it.
 *
 * @example
 * ```ts
 * const store = retryingStore(memoryStore(), { times: 10, delayMs: 500 });
 * ```
 *
 * @throws {@link ArgumentError} at once, if `times` is no positive integer or `delayMs` no positive number.
 */
export function retryingStore(
  store: CheckpointStore,
  { times = 6, delayMs = 1000 }: RetryOptions = {},
): CheckpointStore {
  assertPositiveInteger(times, 'retryingStore: times');
  assertPositive(delayMs, 'retryingStore: delayMs');

  const insisting = <T>(work: () => Promise<T>): Promise<T> => {
    const delay = (error: unknown, attempt: number) =>
      error instanceof CheckpointError ? throwError(() => error) : timer(delayMs * 2 ** (attempt - 1));
    return firstValueFrom(defer(work).pipe(retry({ count: times, delay })));
  };
  return {
    save: (name, files) => insisting(() => store.save(name, files)),
    list: () => insisting(() => store.list()),
    load: (name) => insisting(() => store.load(name)),
    remove: (name) => insisting(() => store.remove(name)),
  };
}
