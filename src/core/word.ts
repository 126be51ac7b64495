import { defer, merge, Subject, take, type Observable } from 'rxjs';

/** Something that is told again and again. */
export interface Word {
  readonly heard$: Observable<void>;
  /** Tells it; resolves when all is done that it leads to. */
  readonly tell: () => Promise<void>;
}

/** A word to all who listen; who begins to listen meanwhile, since what it led to is the first value that they see, is told when that is done. */
export function word(settled: () => Promise<void>): Word {
  const word$ = new Subject<void>();
  let late$: Subject<void> | undefined;
  return {
    heard$: defer(() => (late$ ? merge(late$.pipe(take(1)), word$) : word$)),
    tell: async () => {
      const newcomers$ = (late$ = new Subject<void>());
      word$.next();
      await settled();
      while (newcomers$.observed) {
        newcomers$.next();
        await settled();
      }
      late$ = undefined;
    },
  };
}
