import type { TrainingEvent } from '../core/events.js';

/** What an event is, and where it stands. */
type Place = Pick<TrainingEvent, 'type' | 'globalStep'>;

/** At one global step, in this order; a kind that is not known stands with the step. */
const ORDER: Readonly<Record<string, number>> = { validation: 1, checkpoint: 2, end: 3 };

/**
 * Whether a recorded event comes before the first event of a run, and so stays when a recording goes on with that run: what comes after it, the run
 * gives again. An end that was none stays never.
 */
export function comesBefore(first: Place): (recorded: Place) => boolean {
  return ({ type, globalStep }) =>
    type !== 'end' &&
    (globalStep < first.globalStep || (globalStep === first.globalStep && rank(type) < rank(first.type)));
}

function rank(type: string): number {
  return ORDER[type] ?? 0;
}
