import type { StepEvent, TrainingEvent } from './events.js';
import { mergeResults } from './mergeResults.js';
import type { Reducer } from './metric.js';
import type { RoundNote } from './roundNote.js';
import { summarize } from './summarize.js';
import { weightedMean } from './weightedMean.js';

type Reducers = Readonly<Record<string, Reducer>>;

/**
 * The i-th steps of all replicas as one, for as many as one of them has made: in the places of this replica's own among its other events, then those that
 * the others have besides.
 */
export function mergeRounds(
  own: readonly TrainingEvent[],
  notes: readonly Pick<RoundNote, 'events'>[],
  reducers: Reducers,
): TrainingEvent[] {
  const count = Math.max(...notes.map(({ events }) => events.length));
  const merged = Array.from({ length: count }, (_, i) => ({
    ...mergeEvents(
      notes.flatMap(({ events }) => events[i] ?? []),
      reducers,
    ),
    worldSize: notes.length,
  }));
  const placed = own.map((event) => (event.type === 'step' ? merged.shift()! : event));
  return [...placed, ...merged];
}

/** One step that several replicas have made, each by itself; what cannot be merged is that of the first. */
function mergeEvents(events: readonly StepEvent[], reducers: Reducers): StepEvent {
  const [first] = events as readonly [StepEvent];
  const microBatches = mergeResults(
    events.map((event) => event.microBatches),
    reducers,
  );
  const { loss, metrics } = summarize(microBatches, reducers);
  const norms = events.flatMap(({ gradientNorm }) => gradientNorm ?? []);
  const nonFinite = events.find((event) => event.nonFinite)?.nonFinite;
  return {
    ...first,
    loss,
    metrics,
    microBatches,
    samples: events.reduce((sum, { samples }) => sum + samples, 0),
    microStep: Math.max(...events.map(({ microStep }) => microStep)),
    ...(norms.length > 0 && { gradientNorm: weightedMean(norms, norms.map(() => 1)) }), // prettier-ignore
    ...(nonFinite && { nonFinite }),
  };
}
