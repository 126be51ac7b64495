import { Subject } from 'rxjs';

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
  const [epochEnd$, end$] = [new Subject<void>(), new Subject<void>()];
  let ended: 'over' | 'stopped' | undefined;
  let reason: EndReason | undefined;
  const tell = (word$: Subject<void>): Promise<void> => (word$.next(), settled());
  return {
    words: {
      epochEnd$,
      end$,
      ended: () => ended,
      end: (why) => {
        reason ??= why;
        stop();
      },
      endReason: () => reason,
    },
    endEpoch: (isLast) => {
      if (isLast) ended = 'over';
      return tell(epochEnd$);
    },
    end: () => tell(end$),
    endsAs: (how) => void (ended ??= how),
  };
}
