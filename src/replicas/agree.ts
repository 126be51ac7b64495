import { CollectiveError, type Averaged, type HalfFormat } from '../core/collective.js';
import { fingerprint } from '../core/replicaNote.js';
import type { Transport } from './transport.js';

const NAMES = ['allReduceMean', 'broadcast', 'allGather', 'barrier'] as const;

/** What a rank is about to do; name and signature must be the same on all. */
export interface Operation {
  readonly name: (typeof NAMES)[number];
  /** Two numbers that tell buffers of different sizes or types apart. */
  readonly signature: readonly [number, number];
  /** What the others are to know of it. */
  readonly value: number;
}

/** Every rank's value, once all are known to do the same; otherwise the same error on every rank, and no data has moved. */
export async function agree(
  transport: Transport,
  { name, signature, value, aborted }: Operation & { readonly aborted: boolean },
  timeoutMs: number,
): Promise<number[]> {
  const mine = Float64Array.of(NAMES.indexOf(name), ...signature, value, aborted ? 1 : 0);
  const all = (await transport.gather(new Uint8Array(mine.buffer), timeoutMs)).map(
    (bytes) => new Float64Array(bytes.slice().buffer),
  );
  const ranksWhere = (test: (header: Float64Array) => boolean): number[] =>
    all.flatMap((header, rank) => (test(header) ? [rank] : []));

  const different = ranksWhere((header) => [0, 1, 2].some((i) => header[i] !== all[0]![i]));
  if (different.length > 0) {
    const described = all.map(([op, first]) => `${NAMES[op!]} of ${first}`).join(', ');
    const message = `${name}: every rank must do the same with buffers of the same sizes and types, received by rank: ${described}`;
    throw new CollectiveError(message, 'mismatch', different);
  }
  const stopped = ranksWhere((header) => header[4] === 1);
  if (stopped.length > 0) {
    throw new CollectiveError(`${name}: aborted by the signal of rank ${stopped.join(', ')}`, 'aborted', stopped);
  }
  return all.map((header) => header[3]!);
}

/** How much there is to reduce, and a fingerprint of each buffer's length and type, and of how they travel. */
export function signatureOf(buffers: readonly Averaged[], format?: HalfFormat): [number, number] {
  const shape = [...buffers.flatMap(({ length, BYTES_PER_ELEMENT }) => [length, BYTES_PER_ELEMENT]), format];
  return [buffers.reduce((all, { length }) => all + length, 0), fingerprint(shape.join())];
}
