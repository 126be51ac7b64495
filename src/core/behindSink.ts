import {
  asapScheduler,
  catchError,
  concat,
  concatWith,
  defer,
  EMPTY,
  exhaustMap,
  finalize,
  merge,
  repeat,
  scheduled,
  Subject,
  tap,
  type MonoTypeOperatorFunction,
  type Observable,
} from 'rxjs';

import type { SinkWork } from './sink.js';
import { sinkBacklog } from './sinkBacklog.js';

/** Gives events to a sink and passes them on at once, whatever the sink is at; the end, or the error, comes when it has taken what waits. */
export function behindSink<E extends object>(sink: SinkWork<E>, capacity: number): MonoTypeOperatorFunction<E> {
  return (source) =>
    defer(() => {
      const { push, shift, isEmpty, trim, takeDropped } = sinkBacklog<E>(capacity);
      const due$ = new Subject<void>();
      let end$: Observable<never> = defer(() => sink.complete());

      const dropped$ = defer(() => {
        const count = takeDropped();
        return count > 0 ? sink.dropped(count) : EMPTY;
      });
      const one$ = defer(() => {
        const event = shift()!;
        return concat(dropped$, defer(() => sink.next(event))); // prettier-ignore
      });
      const all$ = one$.pipe(
        repeat({ delay: () => (isEmpty() ? EMPTY : scheduled([0], asapScheduler)) }), // else a long backlog would be a deep stack
      );
      const work$ = due$.pipe(exhaustMap(() => all$));
      const passed$ = source.pipe(
        tap((event) => {
          push(event);
          due$.next();
          trim(); // what has not been taken by now waits
        }),
        catchError((error: unknown) => {
          end$ = defer(() => sink.error(error));
          return EMPTY;
        }),
        finalize(() => due$.complete()),
      );
      return merge(work$, passed$).pipe(concatWith(dropped$, defer(() => end$))); // prettier-ignore
    });
}
