import { concat, concatMap, defer, EMPTY, from, lastValueFrom, map, of, shareReplay, tap, type Observable } from 'rxjs';

import type { CollectiveOptions, HalfFormat, Reduces } from './collective.js';
import { ArgumentError, assertPositive } from './errors.js';
import { STANDS, type Stands } from './replicaNote.js';

/** What replicas say to each other, and what they make of it. */
export interface Language<N> {
  readonly pack: (note: N) => Uint8Array;
  readonly unpack: (bytes: Uint8Array) => N;
  /** Throws what every rank finds in the notes of all; `before` are those of the last time. */
  readonly check: (notes: readonly N[], before: readonly N[]) => void;
  /** Whether the vectors of all are to be reduced. */
  readonly isReduced: (notes: readonly N[]) => boolean;
  /** What this replica's vector counts. */
  readonly weightOf: (note: N) => number;
}

/** What the replicas of a run say to each other, each time that they come together. */
export interface Talks<N> {
  /**
   * Tells all where this replica stands, and makes `vector` the mean of those of all, if they are to be reduced. What has begun goes on to its end, whoever
   * listens: the others wait for it.
   */
  readonly talk: (note: N, vector: Float32Array) => Observable<readonly N[]>;
  /** Whether there is nothing more to say: all are at their end, or one has stopped, left or failed. */
  readonly isOver: () => boolean;
  /** Has the last word, unless all is over. */
  readonly leave: (note: N) => void;
}

/** How long they wait for each other, and with how many bytes a number the vectors go. */
export interface TalkOptions extends CollectiveOptions {
  readonly compress?: HalfFormat;
}

/** @throws {@link ArgumentError}, if they can never be valid. */
export function checkTalk(stage: string, collective: Reduces, { timeoutMs, compress }: TalkOptions): void {
  if (typeof collective?.allReduceMean !== 'function')
    throw new ArgumentError(`${stage}: collective must be one such as solo() or mpi(), received ${String(collective)}`);
  if (timeoutMs !== undefined) assertPositive(timeoutMs, `${stage}: timeoutMs`);
  if (compress !== undefined && !['float16', 'bfloat16'].includes(compress))
    throw new ArgumentError(`${stage}: compress must be 'float16' or 'bfloat16', received '${compress}'`);
}

export function talks<N extends { readonly stands: Stands }>(
  collective: Reduces,
  { pack, unpack, check, isReduced, weightOf }: Language<N>,
  { compress: format, ...options }: TalkOptions,
): Talks<N> {
  let lost: Float32Array | undefined;
  let before: readonly N[] = [];
  let newest$: Observable<unknown> = EMPTY;
  let isOver = false;
  const tell = (note: N) => defer(() => collective.allGather(pack(note), options));
  /** What rounding takes from this replica's vectors stays with it from one to the next. */
  const compression = (vector: Float32Array) =>
    format && { compress: { format, lost: (lost ??= new Float32Array(vector.length)) } };
  return {
    talk: (note, vector) => {
      const talk$ = tell(note).pipe(
        concatMap((all) => {
          const notes = all.map(unpack);
          check(notes, before);
          before = notes;
          isOver =
            notes.some(({ stands }) => stands >= STANDS.stopped) || notes.every(({ stands }) => stands === STANDS.end);
          if (!isReduced(notes)) return of(notes);
          const how = { ...options, ...compression(vector), weight: weightOf(note) };
          return from(collective.allReduceMean([vector], how)).pipe(map(() => notes));
        }),
        tap({ error: () => (isOver = true) }),
        shareReplay({ bufferSize: 1, refCount: false }),
      );
      newest$ = talk$;
      return talk$;
    },
    isOver: () => isOver,
    leave: (note) => {
      const word$ = defer(() => (isOver ? EMPTY : tell(note)));
      // Nobody is left to be told if it fails.
      lastValueFrom(concat(newest$, word$), { defaultValue: undefined }).catch(() => undefined);
    },
  };
}
