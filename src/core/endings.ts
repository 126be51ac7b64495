import { defer, merge, Subject, take, type Observable } from 'rxjs';

import type { EndReason } from './endReason.js';
import type { Run } from './run.js';
import type { Stopping } from './stopping.js';
import type { Waits } from './waits.js';

/** The ends of a source and of its epochs, as those who work on its values are told of them. */
export interface Endings {
  readonly words: Required<Pick<Run, 'epochEnd$' | 'end$' | 'ended' | 'end' | 'endReason'>>;
  /** Tells of an epoch's end; resolves when all is done that it leads to. */
  readonly endEpoch: (isLast: boolean) => Promise<void>;
  /** Tells of the source's end; the first word on how it ends counts. */
  readonly end: () => Promise<void>;
  readonly endsAs: (how: 'over' | 'stopped') => void;
}

export function endings({ stop }: Pick<Stopping, 'stop'>, { settled }: Pick<Waits, 'settled'>): Endings {
  const [epochEnd, lastWord] = [word(settled), word(settled)];
  let ended: 'over' | 'stopped' | undefined;
  let reason: EndReason | undefined;
  return {
    words: {
      epochEnd$: epochEnd.heard$,
      end$: lastWord.heard$,
      ended: () => ended,
      end: (why) => {
        reason ??= why;
        stop();
      },
      endReason: () => reason,
    },
    endEpoch: (isLast) => {
      if (isLast) ended = 'over';
      return epochEnd.tell();
    },
    end: lastWord.tell,
    endsAs: (how) => void (ended ??= how),
  };
}

/** What is told to all who listen; who begins to listen meanwhile, since what it led to is the first value that they see, is told when that is done. */
function word(settled: () => Promise<void>): { readonly heard$: Observable<void>; readonly tell: () => Promise<void> } {
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
