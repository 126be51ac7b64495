import {
  catchError,
  concatWith,
  defer,
  EMPTY,
  endWith,
  from,
  identity,
  ignoreElements,
  of,
  pipe,
  tap,
  throwError,
  timeout,
  type MonoTypeOperatorFunction,
  type Observable,
  type ObservableInput,
} from 'rxjs';

import { ArgumentError, assertPositive, messageOf } from '../src/core/errors.js';
import { waitMap } from '../src/core/run.js';
import { SinkError } from '../src/core/sinkError.js';

/** Something that takes events in: a console, a file, a chart. What `next` and `complete` return is waited for. */
export interface Sink<E> {
  next(event: E): void | ObservableInput<unknown>;
  error?(error: unknown): void;
  complete?(): void | ObservableInput<unknown>;
  /** The run was unsubscribed, or another stage has failed: no more will come, neither an error nor the end. */
  unsubscribe?(): void;
}

/** Options of {@link tee}. */
export interface TeeOptions {
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
 * The event goes on, and the source is asked for more, once what `next` returned has completed. The end of the run waits for `complete`.
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
  { timeoutMs }: TeeOptions = {},
): MonoTypeOperatorFunction<E> {
  const observer: Sink<E> = typeof sink === 'function' ? { next: sink } : sink;
  if (typeof observer?.next !== 'function')
    throw new ArgumentError(`tee: the sink must have next(event), received ${String(sink)}`);
  if (timeoutMs !== undefined) assertPositive(timeoutMs, 'tee: timeoutMs');

  const inTime = <T>(): MonoTypeOperatorFunction<T> =>
    timeoutMs === undefined
      ? identity
      : timeout({ first: timeoutMs, with: () => throwError(() => new Error(`it took longer than ${timeoutMs} ms`)) });
  const finished = <T>(work: ObservableInput<unknown>, what: () => string, value: T): Observable<T> =>
    from(work).pipe(
      ignoreElements(),
      endWith(value),
      inTime(),
      catchError((cause: unknown) => throwError(() => failed(what(), cause))),
    );
  return pipe(
    tap({
      unsubscribe: () => observer.unsubscribe?.(),
      error: (error: unknown) => {
        try {
          observer.error?.(error);
        } catch (cause) {
          throw new AggregateError([error, failed('the error of the run', cause)], messageOf(error), { cause });
        }
      },
    }),
    waitMap((event: E) => {
      try {
        const work = observer.next(event);
        return work ? finished(work, () => nameOf(event), event) : of(event);
      } catch (cause) {
        throw failed(nameOf(event), cause);
      }
    }),
    concatWith(
      defer(() =>
        finished(
          defer(() => observer.complete?.() ?? EMPTY),
          () => 'the end',
          undefined,
        ).pipe(ignoreElements()),
      ),
    ),
  );
}

function failed(what: string, cause: unknown): SinkError {
  return new SinkError(`tee: the sink must take ${what}, it failed: ${messageOf(cause)}`, { cause });
}

function nameOf(event: object): string {
  const { type = 'next', globalStep } = event as { type?: unknown; globalStep?: unknown };
  return `the ${String(type)} event${globalStep === undefined ? '' : ` of global step ${String(globalStep)}`}`;
}
