import { concatWith, defer, from, ignoreElements, mergeMap, Subject, tap, type MonoTypeOperatorFunction } from 'rxjs';

import { alongside } from '../core/alongside.js';
import { disposeTensors } from '../core/batch.js';
import { ArgumentError, assertPositiveInteger } from '../core/errors.js';
import type { TrainingEvent } from '../core/events.js';
import { readSnapshot } from '../core/readSnapshot.js';
import { RUN } from '../core/run.js';
import type { RunSnapshot } from '../core/snapshot.js';
import { toFiles } from './files.js';
import type { CheckpointStore } from './store.js';

/** Options of {@link checkpointEvery}. */
export interface CheckpointOptions {
  /** How many of the newest are kept; 3 unless given. */
  readonly keep?: number;
}

/**
 * Saves the run after every `steps` optimizer steps, so that it can go on from there.
 *
 * Training waits only until everything has been copied on the device; reading and writing go on beside it. Checkpoints are written one after the
 * other, and the run ends when the last of them has been.
 *
 * ```text
 * source:  --1--2--3--4--|
 *             checkpointEvery(2, store)
 * output:  --1--2--3--4-----|
 * store:   ------2-------4--          made before the next micro-batch, whole or not at all
 * ```
 *
 * What is saved: the weights, and what every stage holds (the optimizer's state, the half-filled window, averages, the source's cursor).
 *
 * **Memory**: a copy of weights and state until it is written.
 * **Ownership**: touches no tensor of the events.
 *
 * @example
 * ```ts
 * train(model, batches, { loss: mse, optimizer: adam() }).pipe(checkpointEvery(100, memoryStore(), { keep: 2 })).subscribe();
 * ```
 *
 * @param steps - Optimizer steps from one to the next; a positive integer.
 * @throws {@link ArgumentError} at once, if `steps` or `keep` is no positive integer.
 * Errors with what the store says, and with {@link ArgumentError} if the events come from no run.
 */
export function checkpointEvery<E extends TrainingEvent>(
  steps: number,
  store: CheckpointStore,
  { keep = 3 }: CheckpointOptions = {},
): MonoTypeOperatorFunction<E> {
  assertPositiveInteger(steps, 'checkpointEvery: steps');
  assertPositiveInteger(keep, 'checkpointEvery: keep');

  return (source) =>
    defer(() => {
      const write$ = new Subject<Promise<void>>();
      let writing: Promise<void> = Promise.resolve();
      const write = async (taken: Promise<RunSnapshot>): Promise<void> => {
        const checkpoint = await readSnapshot(await taken);
        const name = [checkpoint.globalStep, checkpoint.microStep].map((n) => String(n).padStart(10, '0')).join('-');
        await store.save(name, await toFiles(checkpoint));
        const names = await store.list();
        await Promise.all(names.slice(0, -keep).map((old) => store.remove(old)));
      };
      return source.pipe(
        tap((event) => {
          if (event.type !== 'step' || event.globalStep % steps !== 0) return;
          const state = event[RUN]?.state;
          if (!state) throw new ArgumentError('checkpointEvery: the events must come from a run (train, fromPull)');
          const taken = state.snapshot();
          writing = writing.then(
            () => write(taken),
            async (error: unknown) => {
              disposeTensors(await taken);
              throw error;
            },
          );
          write$.next(writing);
        }),
        concatWith(defer(() => from(writing).pipe(ignoreElements()))),
        alongside(write$.pipe(mergeMap((done) => from(done).pipe(ignoreElements())))),
      );
    });
}
