import { setTimeout as sleep } from 'node:timers/promises';

import { CollectiveError } from '../../core/collective.js';
import { nextTurn } from '../../core/nextTurn.js';
import type { Mpi } from './calls.js';

/** For how long a wait asks again at once, which answers sooner; from then on it asks every millisecond, which leaves the processor to others. */
const SPIN_MS = 10;
/** How long those who give up together wait for each other's word. */
const WORD_MS = 1000;

/** Waiting for the other ranks. */
export interface Patience {
  readonly hasFailed: () => boolean;
  /** To be called before a rank joins in: if the others have given up, it was this one that they waited for. */
  readonly begin: (timeoutMs: number) => void;
  /** Resolves once `isDone` is true; asks every `everyMs` milliseconds, unless given at once and then every one. */
  readonly until: (isDone: () => boolean, timeoutMs: number, everyMs?: number) => Promise<void>;
}

/**
 * Waits that end: MPI itself waits forever. A rank that has waited for too long gives up and tells all others, who then give up, too; whoever says nothing
 * is the one that was waited for.
 */
export function patience(mpi: Mpi, rank: number, worldSize: number): Patience {
  const others = Array.from({ length: worldSize }, (_, i) => i).filter((other) => other !== rank);
  const heard = new Set<number>();
  let failure: CollectiveError | undefined;

  const listen = (): boolean => {
    for (let other = mpi.heard(); other !== undefined; other = mpi.heard()) heard.add(other);
    return heard.size > 0;
  };
  const late = (): number[] => others.filter((other) => !heard.has(other));
  const failed = (ranks: readonly number[], timeoutMs: number): CollectiveError => {
    // Nobody is late by now, if the last has come while the others were giving up.
    const who = ranks.length > 0 ? `rank ${ranks.join(', ')}` : 'every rank';
    return (failure ??= new CollectiveError(`mpi: ${who} must arrive within ${timeoutMs} ms`, 'timeout', ranks));
  };
  const giveUp = async (timeoutMs: number): Promise<never> => {
    for (const other of others) mpi.tell(other, rank);
    for (const began = performance.now(); late().length > 0 && performance.now() - began < WORD_MS; listen())
      await sleep(1);
    throw failed(late(), timeoutMs);
  };

  return {
    hasFailed: () => failure !== undefined,
    begin: (timeoutMs) => {
      if (failure) throw failure;
      if (!listen()) return;
      for (const other of others) mpi.tell(other, rank);
      throw failed([rank], timeoutMs);
    },
    until: async (isDone, timeoutMs, everyMs = 1) => {
      const began = performance.now();
      while (!isDone()) {
        const waitedMs = performance.now() - began;
        if (listen() || waitedMs > timeoutMs) await giveUp(timeoutMs);
        await (everyMs === 1 && waitedMs < SPIN_MS ? nextTurn() : sleep(everyMs));
      }
    },
  };
}
