import { defer, finalize, merge, Subject, takeUntil, type Observable, type OperatorFunction } from 'rxjs';

/** The values of a source, and those of another Observable for as long as the source runs; the other one's end changes nothing. */
export function alongside<T, R>(side$: Observable<R>): OperatorFunction<T, T | R> {
  return (source) =>
    defer(() => {
      const end$ = new Subject<void>();
      return merge(side$.pipe(takeUntil(end$)), source.pipe(finalize(() => end$.next())));
    });
}
