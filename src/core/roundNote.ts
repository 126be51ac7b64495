import type { StepEvent } from './events.js';
import { compared, type Comparable } from './compared.js';
import { fromJson, toJson } from './exactJson.js';
import { PRINTED } from './printsOf.js';
import { isStep, STANDS } from './replicaNote.js';
import type { Language } from './talks.js';

/** What a replica tells all others of the steps that it has made by itself. */
export interface RoundNote extends Comparable {
  /** In order; none if it has made none. */
  readonly events: readonly StepEvent[];
}

/** A note as bytes. There is one for many steps, so it may be readable. */
function packRound(note: RoundNote): Uint8Array {
  return new TextEncoder().encode(toJson(note));
}

/** The note again. */
function unpackRound(bytes: Uint8Array): RoundNote {
  return fromJson(new TextDecoder().decode(bytes)) as RoundNote;
}

/** What a replica's steps count among those of all: the weight of all their micro-batches. */
function weightOfRound({ events }: Pick<RoundNote, 'events'>): number {
  return events.flatMap(({ microBatches }) => microBatches).reduce((sum, { weight }) => sum + weight, 0);
}

/** Whether the steps of all become one round: some have made any, and nobody is gone. */
export function isReduced(notes: readonly RoundNote[]): boolean {
  return notes.some(({ events }) => events.length > 0) && notes.every(({ stands }) => stands !== STANDS.left);
}

/**
 * Throws what every rank finds in the notes of all ranks.
 *
 * @throws {@link CollectiveError}, naming the ranks that differ from the first, or that have failed.
 */
function checkRounds(notes: readonly RoundNote[]): void {
  const printed = [...PRINTED, 'the same options', 'the same weights: see broadcastWeights'];
  const mustHave = compared('localSteps', notes, printed);
  const [first] = notes.flatMap(({ events }) => events.slice(0, 1));
  mustHave('begun at the same step', ({ events: [own] }) => own !== undefined && own.globalStep !== first!.globalStep);
  const goesOn = notes.filter(isStep);
  mustHave(
    'made as many steps, unless its data is over',
    ({ stands, globalStep }) => stands === STANDS.step && globalStep !== goesOn[0]!.globalStep,
  );
}

/** How replicas talk about their rounds. */
export const language: Language<RoundNote> = {
  pack: packRound,
  unpack: unpackRound,
  check: checkRounds,
  isReduced,
  weightOf: weightOfRound,
};
