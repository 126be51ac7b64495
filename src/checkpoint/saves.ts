import { filter, mergeMap, Subject, type Observable } from 'rxjs';

import { disposeTensors } from '../core/batch.js';
import { ArgumentError } from '../core/errors.js';
import type { CheckpointEvent } from '../core/events.js';
import { readSnapshot } from '../core/readSnapshot.js';
import { RUN, waitUntil, type InRun } from '../core/run.js';
import type { Checkpoint, RunSnapshot } from '../core/snapshot.js';
import type { Best } from './criterion.js';
import { toFiles } from './files.js';
import type { CheckpointStore } from './store.js';

/** A checkpoint that is to be made. */
interface Order {
  readonly reason: CheckpointEvent['reason'];
  readonly epoch: number;
  readonly skipped: number;
  readonly best: boolean;
}

/** Checkpoints of one run on their way into a store. */
export interface Saves {
  /** Those that are there. */
  readonly saved$: Observable<CheckpointEvent>;
  /** Has one made as soon as nothing is under way, in the run of `value`; the same as one that is waited for already. The run waits if one is being written. */
  readonly order: (value: InRun, order: Order) => void;
  /** To be called when a snapshot is made, with the best so far. */
  readonly taken: (best: Best | undefined) => void;
  /** Whether one is being written. */
  readonly isBusy: () => boolean;
  /** Settles when all that were ordered are there. */
  readonly idle: () => Promise<unknown>;
}

/** Reads and writes one checkpoint after the other, so that there is at most one on its way; removes all but the newest `keep` and the best. */
export function saves(store: CheckpointStore, keep: number): Saves {
  const made$ = new Subject<Promise<CheckpointEvent | undefined>>();
  let waiting: (Order & { bestThen?: Best | undefined }) | undefined;
  let newest: Promise<CheckpointEvent | undefined> = Promise.resolve(undefined);
  let isBusy = false;
  let last = '';

  const write = async (
    taken: Promise<RunSnapshot | undefined>,
    order: NonNullable<typeof waiting>,
    run: InRun,
  ): Promise<CheckpointEvent | undefined> => {
    const snapshot = await taken;
    if (!snapshot) return undefined; // the run was cut off
    const checkpoint = await readSnapshot(snapshot);
    const name = nameOf(checkpoint);
    const isThere = name === last && !order.best;
    if (!isThere) {
      await store.save(name, await toFiles(checkpoint));
      last = name;
      const bestName = order.bestThen && padded(order.bestThen.globalStep);
      const old = superseded(await store.list(), name, keep).filter((each) => each.split('-')[0] !== bestName);
      await Promise.all(old.map((each) => store.remove(each)));
    }
    isBusy = false;
    const { reason, epoch, skipped, best } = order;
    const { globalStep } = checkpoint;
    if (isThere && reason === 'end') return undefined;
    return { type: 'checkpoint', globalStep, epoch, name, reason, best, skipped, ...run };
  };
  return {
    saved$: made$.pipe(
      mergeMap((made) => made),
      filter((event) => event !== undefined),
    ),
    order: (value, order) => {
      const run = value[RUN];
      if (!run?.state) throw new ArgumentError('checkpointEvery: the events must come from a run (train, fromPull)');
      if (waiting) {
        waiting = Object.assign(waiting, {
          best: waiting.best || order.best,
          skipped: waiting.skipped + order.skipped,
        });
        return;
      }
      const own = (waiting = { ...order });
      if (isBusy) waitUntil(value, newest);
      const taken = run.state.snapshot();
      newest = newest.then(
        () => write(taken, own, { [RUN]: run }),
        async (error: unknown) => {
          disposeTensors(await taken);
          throw error;
        },
      );
      made$.next(newest);
    },
    taken: (best) => {
      if (!waiting) return;
      waiting.bestThen = best;
      waiting = undefined;
      isBusy = true;
    },
    isBusy: () => isBusy,
    idle: () => newest,
  };
}

const COUNTS = /^\d{10,}-\d{10,}$/;

/** A name that sorts as its counts do. */
function nameOf({ globalStep, microStep }: Checkpoint): string {
  return `${padded(globalStep)}-${padded(microStep)}`;
}

function padded(count: number): string {
  return String(count).padStart(10, '0');
}

/** Checkpoints older than the newest `keep` up to the one called `name`: those beyond it are another run's, which went further. */
function superseded(names: readonly string[], name: string, keep: number): string[] {
  return names.filter((each) => COUNTS.test(each) && each <= name).slice(0, -keep);
}
