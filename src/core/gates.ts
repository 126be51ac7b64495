import { concat, fromEvent, lastValueFrom, takeUntil, type Observable } from 'rxjs';

/** What keeps a source from giving its next batch until it completes. */
export interface Gates {
  pauseUntil(this: void, gate$: Observable<never>): void;
  readonly areClosed: () => boolean;
  /** Resolves when all have completed, one after the other, or the signal is aborted. */
  opened(this: void, signal: AbortSignal): Promise<unknown>;
}

export function gates(): Gates {
  const asked = new Set<Observable<never>>();
  return {
    pauseUntil: (gate$) => void asked.add(gate$),
    areClosed: () => asked.size > 0,
    opened: (signal) => {
      const opened$ = concat(...asked).pipe(takeUntil(fromEvent(signal, 'abort')));
      asked.clear();
      return lastValueFrom(opened$, { defaultValue: undefined });
    },
  };
}
