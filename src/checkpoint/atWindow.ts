import type { Checkpoint, Held, Json } from '../core/snapshot.js';

/**
 * A checkpoint as it was before its half-filled window was begun; as it is, if it has none.
 *
 * A window of replicas is made of the parts of all, of which only the first one's are saved. Begun again it is whole, with any number of replicas.
 */
export function atWindow(checkpoint: Checkpoint): Checkpoint {
  const { stages } = checkpoint;
  const { window, ...accumulate } = dataOf(stages['accumulate']) as { window?: { microBatches?: readonly Json[] } };
  const count = window?.microBatches?.length ?? 0;
  if (count === 0) return checkpoint;
  const microStep = checkpoint.microStep - count;
  const { pass, given } = dataOf(stages['source']) as { pass: number; given: number };
  return {
    ...checkpoint,
    microStep,
    stages: {
      ...stages,
      accumulate: { data: accumulate },
      backward: { ...stages['backward'], data: { microStep } },
      source: { ...stages['source'], data: { pass, given: given - count } },
    },
  };
}

function dataOf(held: Held | undefined): Readonly<Record<string, Json>> {
  return (held?.data ?? {}) as Readonly<Record<string, Json>>;
}
