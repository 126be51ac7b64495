import type { Reducer } from './metric.js';
import { fingerprint } from './replicaNote.js';
import { versions } from './versions.js';
import type { WeightSlot } from './weights.js';

/** What {@link printsOf} are the fingerprints of. */
export const PRINTED = [
  'the same model: names and shapes of its variables',
  'the same metrics',
  'the same versions of gradstream, TensorFlow.js and engine',
] as const;

/** Fingerprints of what must be the same on all replicas, however they train. */
export function printsOf(
  slots: readonly WeightSlot[],
  reducers: Readonly<Record<string, Reducer>>,
): [model: number, metrics: number, versions: number] {
  const { device: _, ...same } = versions(); // a GPU may be another
  const metrics = Object.entries(reducers).map(([name, reducer]) => [name, reducer.name]);
  return [printOf(slots), printOf(metrics), printOf(same)];
}

/** The fingerprint of plain data. */
export function printOf(what: unknown): number {
  return fingerprint(JSON.stringify(what));
}
