import { asapScheduler, concatMap, defer, subscribeOn, tap, type ObservableInput, type OperatorFunction } from 'rxjs';

/** How many values that have waited may begin one in the other's end. */
const DEPTH = 32;

/** A `concatMap` for any backlog: RxJS begins each value in the end of the one before, so many that have waited, and take no time, would be a deep stack. */
export function oneByOne<T, R>(project: (value: T, index: number) => ObservableInput<R>): OperatorFunction<T, R> {
  return (source) =>
    defer(() => {
      let newest = -1;
      return source.pipe(
        tap(() => (newest += 1)),
        concatMap((value, index) => {
          const work$ = defer(() => project(value, index));
          const hasWaited = index < newest;
          return hasWaited && index % DEPTH === 0 ? work$.pipe(subscribeOn(asapScheduler)) : work$;
        }),
      );
    });
}
