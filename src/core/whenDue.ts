import { from, map, mergeMap, NEVER, take, type ObservableInput, type OperatorFunction } from 'rxjs';

/** Gives each number again when `due` first emits for it; never without `due`. */
export function whenDue(due: ((n: number) => ObservableInput<unknown>) | undefined): OperatorFunction<number, number> {
  return mergeMap((n) =>
    from(due?.(n) ?? NEVER).pipe(
      take(1),
      map(() => n),
    ),
  );
}
