import { CollectiveError } from './collective.js';
import { isStep, STANDS, type ReplicaNote } from './replicaNote.js';

const PRINTS = [
  'the same model: names and shapes of its variables',
  'the same metrics',
  'the same versions of gradstream, TensorFlow.js and engine',
  'the same weights: see broadcastWeights',
];

/**
 * Throws what every rank finds in the notes of all ranks, and so all of them throw the same.
 *
 * @param before - The notes of the step before, of which some may have been of windows that were cut short.
 * @throws {@link CollectiveError}, naming the ranks that differ from the first, or that have failed.
 */
export function checkNotes(notes: readonly ReplicaNote[], before: readonly ReplicaNote[]): void {
  const ranksWhere = (test: (note: ReplicaNote, rank: number) => boolean): number[] =>
    notes.flatMap((note, rank) => (test(note, rank) ? [rank] : []));

  const failed = ranksWhere(({ stands }) => stands === STANDS.failed);
  if (failed.length > 0) throw new CollectiveError(`allReduce: rank ${failed.join(', ')} has failed`, 'died', failed);

  const at = (ranks: readonly number[], what: string): void => {
    if (ranks.length === 0) return;
    const { globalStep } = notes.find(isStep) ?? notes[0]!;
    const message = `allReduce: every rank must have ${what}; rank ${ranks.join(', ')} differs at global step ${globalStep}`;
    throw new CollectiveError(message, 'mismatch', ranks);
  };
  PRINTS.forEach((what, i) => {
    const [first] = notes.flatMap(({ prints }) => (Number.isNaN(prints[i]) ? [] : [prints[i]!]));
    at(
      ranksWhere(({ prints }) => !Number.isNaN(prints[i]) && prints[i] !== first),
      what,
    );
  });
  const goesOn = notes.some(isStep);
  at(
    ranksWhere(({ stands, prints }) => goesOn && stands < STANDS.stopped && Number.isNaN(prints[0])),
    'a window in each run',
  );
  at(
    ranksWhere(({ stands, globalStep }) => goesOn && stands < STANDS.stopped && globalStep !== notes[0]!.globalStep),
    'made as many steps',
  );
  // A window is cut short by the end of an epoch only.
  const most = Math.max(...before.map(({ results }) => results.length));
  at(
    ranksWhere(({ stands, epoch }, rank) => {
      const last = before[rank];
      const wasShort = last?.stands === STANDS.step && last.results.length < most;
      return wasShort && stands === STANDS.step && epoch === last.epoch;
    }),
    'as many micro-batches in each window',
  );
}
