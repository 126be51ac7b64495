import {
  catchError,
  concat,
  EMPTY,
  from,
  identity,
  ignoreElements,
  throwError,
  timeout,
  type Observable,
  type ObservableInput,
} from 'rxjs';

import { messageOf } from './errors.js';
import { SinkError } from './sinkError.js';

/** Something that takes events in: a console, a file, a chart. What its methods return is waited for. */
export interface Sink<E> {
  next(event: E): void | ObservableInput<unknown>;
  /** The run has failed; the error goes on when this is done. */
  error?(error: unknown): void | ObservableInput<unknown>;
  complete?(): void | ObservableInput<unknown>;
  /** The run was unsubscribed, or another stage has failed: no more will come, neither an error nor the end. */
  unsubscribe?(): void;
  /**
   * How many steps it was not given because it was busy, since it was last told: before the next event, and before the end. Without this method
   * the console says, when the run is over, how many they were.
   */
  dropped?(count: number): void | ObservableInput<unknown>;
}

/** What a sink does in one run, as Observables that complete when it is done with it, or fail with a {@link SinkError}. */
export interface SinkWork<E> {
  next(this: void, event: E): Observable<never>;
  /** Fails with the error of the run when the sink has taken it. */
  error(this: void, error: unknown): Observable<never>;
  complete(this: void): Observable<never>;
  dropped(this: void, count: number): Observable<never>;
  /** To be called when the run is over, however it ended. */
  release(this: void): void;
}

/** A sink in one run: its failures say what it was given, and it may take no longer than `timeoutMs` for anything. */
export function sinkWork<E extends object>(sink: Sink<E>, timeoutMs?: number): SinkWork<E> {
  const inTime =
    timeoutMs === undefined
      ? identity<Observable<never>>
      : timeout<never, Observable<never>>({
          first: timeoutMs,
          with: () => throwError(() => new Error(`it took longer than ${timeoutMs} ms`)),
        });
  const done = (what: () => string, begin: () => void | ObservableInput<unknown>): Observable<never> => {
    const fail = (cause: unknown): Observable<never> => throwError(() => failed(what(), cause));
    try {
      const work = begin();
      return work ? from(work).pipe(ignoreElements(), inTime, catchError(fail)) : EMPTY;
    } catch (cause) {
      return fail(cause);
    }
  };
  let isTold = false;
  let unheard = 0;
  return {
    next: (event) => done(() => nameOf(event), () => sink.next(event)), // prettier-ignore
    error: (error) => {
      isTold = true;
      return concat(
        done(() => 'the error of the run', () => sink.error?.(error)).pipe(
          catchError((failure: unknown) => throwError(() => new AggregateError([error, failure], messageOf(error)))),
        ), // prettier-ignore
        throwError(() => error as Error),
      );
    },
    complete: () => {
      isTold = true;
      return done(() => 'the end', () => sink.complete?.()); // prettier-ignore
    },
    dropped: (count) => {
      if (!sink.dropped) unheard += count;
      return done(() => `that ${count} steps were dropped`, () => sink.dropped?.(count)); // prettier-ignore
    },
    release: () => {
      if (!isTold) sink.unsubscribe?.();
      if (unheard > 0) console.warn(`tee: the sink was busy, it was not given ${unheard} steps`);
    },
  };
}

function failed(what: string, cause: unknown): SinkError {
  return new SinkError(`tee: the sink must take ${what}, it failed: ${messageOf(cause)}`, { cause });
}

function nameOf(event: object): string {
  const { type = 'next', globalStep } = event as { type?: unknown; globalStep?: unknown };
  return `the ${String(type)} event${globalStep === undefined ? '' : ` of global step ${String(globalStep)}`}`;
}
