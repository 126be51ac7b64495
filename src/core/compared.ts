import { CollectiveError } from './collective.js';
import { isStep, STANDS, type Stands } from './replicaNote.js';

/** What replicas tell of themselves so that it can be compared. */
export interface Comparable {
  readonly stands: Stands;
  /** Which weights it has: those after this many steps. */
  readonly globalStep: number;
  /** Fingerprints of what must be the same on all; NaN where there is none. */
  readonly prints: readonly number[];
}

/** Throws, naming the ranks whose notes differ, if there are any; `what` says what every rank must have. */
export type MustHave<N> = (what: string, differs: (note: N, rank: number) => boolean) => void;

/**
 * Compares the notes of all ranks: every rank finds the same, and so all of them throw the same. That none has failed, and that fingerprints agree, is
 * looked at here; the rest by what is given back.
 *
 * @param stage - The operator's name, for messages.
 * @param printed - What the fingerprints are of, in order.
 * @throws {@link CollectiveError}, naming the ranks that differ from the first, or that have failed.
 */
export function compared<N extends Comparable>(
  stage: string,
  notes: readonly N[],
  printed: readonly string[],
): MustHave<N> {
  const ranksWhere = (test: (note: N, rank: number) => boolean): number[] =>
    notes.flatMap((note, rank) => (test(note, rank) ? [rank] : []));

  const failed = ranksWhere(({ stands }) => stands === STANDS.failed);
  if (failed.length > 0) throw new CollectiveError(`${stage}: rank ${failed.join(', ')} has failed`, 'died', failed);

  const mustHave: MustHave<N> = (what, differs) => {
    const ranks = ranksWhere(differs);
    if (ranks.length === 0) return;
    const { globalStep } = notes.find(isStep) ?? notes[0]!;
    const message = `${stage}: every rank must have ${what}; rank ${ranks.join(', ')} differs at global step ${globalStep}`;
    throw new CollectiveError(message, 'mismatch', ranks);
  };
  printed.forEach((what, i) => {
    const [first] = notes.flatMap(({ prints }) => (Number.isNaN(prints[i]) ? [] : [prints[i]!]));
    mustHave(what, ({ prints }) => !Number.isNaN(prints[i]) && prints[i] !== first);
  });
  return mustHave;
}
