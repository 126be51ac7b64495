import type { EndReason } from './endReason.js';
import type { Run } from './run.js';
import type { Stopping } from './stopping.js';
import type { Waits } from './waits.js';
import { word } from './word.js';

/** The ends of a source and of its epochs, as those who work on its values are told of them. */
export interface Endings {
  readonly words: Required<Pick<Run, 'epochEnd$' | 'end$' | 'ended' | 'end' | 'endReason' | 'giveBack'>>;
  /** Tells of an epoch's end; resolves when all is done that it leads to. */
  readonly endEpoch: (isLast: boolean) => Promise<void>;
  /** Tells of the source's end; the first word on how it ends counts. */
  readonly end: () => Promise<void>;
  readonly endsAs: (how: 'over' | 'stopped') => void;
}

export function endings(
  { stop, giveBack }: Pick<Stopping, 'stop' | 'giveBack'>,
  { settled }: Pick<Waits, 'settled'>,
): Endings {
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
      giveBack,
    },
    endEpoch: (isLast) => {
      if (isLast) ended = 'over';
      return epochEnd.tell();
    },
    end: lastWord.tell,
    endsAs: (how) => void (ended ??= how),
  };
}
