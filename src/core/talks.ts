import { concat, concatMap, defer, EMPTY, from, lastValueFrom, map, of, shareReplay, tap, type Observable } from 'rxjs';

import { checkNotes } from './checkNotes.js';
import type { CollectiveOptions, Reduces } from './collective.js';
import { isStep, packNote, STANDS, unpackNote, type ReplicaNote } from './replicaNote.js';

/** What the replicas of a run say to each other, once for each step. */
export interface Talks {
  /**
   * Tells all where this replica stands, and makes `gradients` the mean of those of all, if any has made a step. What has begun goes on to its end, whoever
   * listens: the others wait for it.
   */
  readonly talk: (
    note: ReplicaNote,
    metrics: readonly string[],
    gradients: Float32Array,
  ) => Observable<readonly ReplicaNote[]>;
  /** Whether there is nothing more to say: all are at their end, or one has stopped or failed. */
  readonly isOver: () => boolean;
  /** Has the last word, unless all is over. */
  readonly leave: (note: ReplicaNote) => void;
}

export function talks(collective: Reduces, options: CollectiveOptions, isAsked: () => boolean): Talks {
  let before: readonly ReplicaNote[] = [];
  let newest$: Observable<unknown> = EMPTY;
  let isOver = false;
  return {
    talk: (note, metrics, gradients) => {
      const talk$ = defer(() => collective.allGather(packNote({ ...note, isAsked: isAsked() }), options)).pipe(
        concatMap((all) => {
          const notes = all.map((bytes) => unpackNote(bytes, metrics));
          checkNotes(notes, before);
          before = notes;
          const anyStopped = notes.some(({ stands }) => stands === STANDS.stopped);
          isOver = anyStopped || notes.every(({ stands }) => stands === STANDS.end);
          if (isOver || !notes.some(isStep)) return of(notes);
          const weight = note.results.reduce((sum, result) => sum + result.weight, 0);
          return from(collective.allReduceMean([gradients], { weight, ...options })).pipe(map(() => notes));
        }),
        tap({ error: () => (isOver = true) }),
        shareReplay({ bufferSize: 1, refCount: false }),
      );
      newest$ = talk$;
      return talk$;
    },
    isOver: () => isOver,
    leave: (note) => {
      const word$ = defer(() => (isOver ? EMPTY : collective.allGather(packNote(note), options)));
      // Nobody is left to be told if it fails.
      lastValueFrom(concat(newest$, word$), { defaultValue: undefined }).catch(() => undefined);
    },
  };
}
