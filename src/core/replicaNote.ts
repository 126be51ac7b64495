import type { MicroBatchValues } from './events.js';

/** Where a replica stands: it goes on, is at the end of an epoch or of its run, has stopped or failed in the midst of it, or is gone and takes part in nothing more. */
export const STANDS = { step: 0, epochEnd: 1, end: 2, stopped: 3, failed: 4, left: 5 } as const;

/** One of {@link STANDS}. */
export type Stands = (typeof STANDS)[keyof typeof STANDS];

/** What a replica tells all others before they reduce anything. */
export interface ReplicaNote {
  readonly stands: Stands;
  /** Whether it was asked to end, after the step that all make next. */
  readonly isAsked: boolean;
  /** Which weights it has: those after this many steps. */
  readonly globalStep: number;
  readonly microStep: number;
  readonly epoch: number;
  readonly samples: number;
  /** Fingerprints of what must be the same on all: the model, the metrics, the versions; and of the weights, NaN when they have not been looked at. */
  readonly prints: readonly [model: number, metrics: number, versions: number, weights: number];
  readonly results: readonly MicroBatchValues[];
}

/** Whether a replica has a step to be reduced. */
export function isStep({ stands }: Pick<ReplicaNote, 'stands'>): boolean {
  return stands === STANDS.step;
}

/** A note as bytes; metrics go without their names, in order. */
export function packNote({
  stands,
  isAsked,
  globalStep,
  microStep,
  epoch,
  samples,
  prints,
  results,
}: ReplicaNote): Uint8Array {
  const each = results.flatMap(({ weight, loss, metrics }) => [weight, loss, ...Object.values(metrics)]);
  return new Uint8Array(
    Float64Array.of(stands, Number(isAsked), globalStep, microStep, epoch, samples, ...prints, results.length, ...each)
      .buffer,
  );
}

/** The note again, given the metrics' names. */
export function unpackNote(bytes: Uint8Array, names: readonly string[]): ReplicaNote {
  const numbers = [...new Float64Array(bytes.slice().buffer)];
  const take = (): number => numbers.shift() ?? NaN;
  const [stands, isAsked, globalStep, microStep, epoch, samples] = [
    take() as 0,
    take() === 1,
    take(),
    take(),
    take(),
    take(),
  ];
  const prints = [take(), take(), take(), take()] as const;
  const results = Array.from({ length: take() }, (): MicroBatchValues => {
    const [weight, loss] = [take(), take()];
    return { weight, loss, metrics: Object.fromEntries(names.map((name) => [name, take()])) };
  });
  return { stands, isAsked, globalStep, microStep, epoch, samples, prints, results };
}

/** A number of 32 bits that tells texts and numbers apart (FNV-1a). */
export function fingerprint(what: string | Float32Array): number {
  const words =
    typeof what === 'string'
      ? new Uint32Array(new TextEncoder().encode(what))
      : new Uint32Array(what.buffer, what.byteOffset, what.length);
  let hash = 0x811c9dc5;
  // A tenth of what for…of takes, of weights.
  for (let i = 0; i < words.length; i += 1) hash = Math.imul(hash ^ words[i]!, 0x01000193);
  return hash >>> 0;
}
