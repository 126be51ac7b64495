import {
  concatWith,
  defer,
  EMPTY,
  endWith,
  from,
  ignoreElements,
  of,
  pipe,
  tap,
  type MonoTypeOperatorFunction,
  type ObservableInput,
} from 'rxjs';

import { ArgumentError } from '../src/core/errors.js';
import { waitMap } from '../src/core/run.js';

/** Something that takes events in: a console, a file, a chart. What `next` and `complete` return is waited for. */
export interface Sink<E> {
  next(event: E): void | ObservableInput<unknown>;
  error?(error: unknown): void;
  complete?(): void | ObservableInput<unknown>;
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
 * A sink that throws ends the run with its error: nothing is swallowed.
 *
 * @example
 * ```ts
 * train(model, batches, { loss: mse, optimizer: adam() }).pipe(tee((event) => console.log(event)), tee(file));
 * ```
 *
 * @param sink - An observer whose methods may return a Promise or an Observable, or just its `next`.
 * @throws {@link ArgumentError} at once, if there is no `next`.
 */
export function tee<E extends object>(sink: Sink<E> | Sink<E>['next']): MonoTypeOperatorFunction<E> {
  const observer: Sink<E> = typeof sink === 'function' ? { next: sink } : sink;
  if (typeof observer?.next !== 'function')
    throw new ArgumentError(`tee: the sink must have next(event), received ${String(sink)}`);

  return pipe(
    tap({ error: (error: unknown) => observer.error?.(error) }),
    waitMap((event: E) => {
      const work = observer.next(event);
      return work ? from(work).pipe(ignoreElements(), endWith(event)) : of(event);
    }),
    concatWith(defer(() => from(observer.complete?.() ?? EMPTY).pipe(ignoreElements()))),
  );
}
