import { connect, mergeMap, startWith, take, type OperatorFunction } from 'rxjs';

/** Lets the first value decide which operator all of them go through, the first included; a source without any just ends. */
export function onFirst<T, R>(choose: (first: T) => OperatorFunction<T, R>): OperatorFunction<T, R> {
  return connect((value$) =>
    value$.pipe(
      take(1),
      mergeMap((first) => value$.pipe(startWith(first), choose(first))),
    ),
  );
}
