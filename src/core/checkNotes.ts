import { compared } from './compared.js';
import { PRINTED } from './printsOf.js';
import { isStep, STANDS, type ReplicaNote } from './replicaNote.js';

/**
 * Throws what every rank finds in the notes of all ranks, and so all of them throw the same.
 *
 * @param before - The notes of the step before, of which some may have been of windows that were cut short.
 * @throws {@link CollectiveError}, naming the ranks that differ from the first, or that have failed.
 */
export function checkNotes(notes: readonly ReplicaNote[], before: readonly ReplicaNote[]): void {
  const mustHave = compared('allReduce', notes, [...PRINTED, 'the same weights: see broadcastWeights']);
  const goesOn = notes.some(isStep);
  mustHave(
    'a window in each run',
    ({ stands, prints }) => goesOn && stands < STANDS.stopped && Number.isNaN(prints[0]),
  );
  mustHave(
    'made as many steps',
    ({ stands, globalStep }) => goesOn && stands < STANDS.stopped && globalStep !== notes[0]!.globalStep,
  );
  // A window is cut short by the end of an epoch only.
  const most = Math.max(...before.map(({ results }) => results.length));
  mustHave('as many micro-batches in each window', ({ stands, epoch }, rank) => {
    const last = before[rank];
    const wasShort = last?.stands === STANDS.step && last.results.length < most;
    return wasShort && stands === STANDS.step && epoch === last.epoch;
  });
}
