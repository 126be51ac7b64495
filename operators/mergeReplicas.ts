import {
  concat,
  concatMap,
  defer,
  EMPTY,
  finalize,
  map,
  merge,
  of,
  Subject,
  type Observable,
  type ObservableInput,
} from 'rxjs';

import { alongside } from '../src/core/alongside.js';
import { disposeTensors } from '../src/core/batch.js';
import { ArgumentError } from '../src/core/errors.js';
import { countsIn } from '../src/core/heldData.js';
import { joinsEach } from '../src/core/joinsEach.js';
import { jointRun } from '../src/core/jointRun.js';
import { lineUp } from '../src/core/lineUp.js';
import { mergeMicroSteps } from '../src/core/mergeMicroSteps.js';
import { END, EPOCH_END, hold, RUN, withEnds } from '../src/core/run.js';
import type { MicroStep } from '../src/core/values.js';
import { whenDue } from '../src/core/whenDue.js';

/** Options of {@link mergeReplicas}. */
export interface MergeReplicasOptions {
  /** Emits when a micro-step is due, counted from its first arrival; left out, every replica is waited for. */
  readonly due?: (microStep: number) => ObservableInput<unknown>;
  /** What a replica that has not delivered by then means: the end of the run, or a micro-step without it. */
  readonly missing?: 'error' | 'skip';
}

/**
 * Merges the micro-steps of several replicas into one stream, by step and not by time.
 *
 * What is averaged must belong together: the i-th micro-batch of each replica, however late or out of order it comes.
 *
 * ```text
 * replica 0:  --1-----2--------|
 * replica 1:  -----1-----2--|
 *                mergeReplicas([replica0$, replica1$])
 * output:     -----1-----2-----|        losses, metrics and gradients merged by weight
 * ```
 *
 * Emits in the order of `microStep`, from 1 on, each once every replica that is still running has delivered it. A replica that has completed is
 * waited for no more, and so is one whose epoch is over, until the epoch of all of them is: then all begin the next one together. What comes when its
 * micro-step has gone on without it is disposed. Each source waits until its micro-step is through.
 *
 * If one source is stopped in mid-epoch, or fails, all of them end: after the last micro-step that all have delivered.
 *
 * The run can be saved, and goes on if each source is given the checkpoint as `from`. It says where the first replica stood, so none may have more
 * micro-batches in an epoch than the first. Averages of a batch normalization follow the passes as they come, so they may differ then.
 *
 * **Memory**: one set of gradients for each replica that is ahead. **Ownership**: takes the micro-steps, hands on merged ones.
 *
 * @example
 * ```ts
 * const replica$ = (rank: number) => fromPull(shards[rank]!).pipe(forward(model, mse), backward());
 * mergeReplicas([replica$(0), replica$(1)]).pipe(accumulate(4), optimizerStep(adam()), readback());
 * ```
 *
 * @param replicas - One stream of micro-steps each; rank is the place in the list.
 * @throws {@link ArgumentError} at once, if there is no replica.
 * Errors with {@link ReplicaError}, naming ranks and micro-step, if one is missing when it is due, or delivers one twice.
 */
export function mergeReplicas(
  replicas: readonly Observable<MicroStep>[],
  { due, missing = 'error' }: MergeReplicasOptions = {},
): Observable<MicroStep> {
  if (replicas.length === 0)
    throw new ArgumentError('mergeReplicas: replicas must hold at least one stream, received none');

  return defer(() => {
    const joint = jointRun(replicas.length);
    const releases = new Map<MicroStep, () => void>();
    const overdue = new Set<number>();
    const begun$ = new Subject<number>();
    let repeat: MicroStep | undefined;

    const free = (step: MicroStep): void => {
      releases.get(step)?.();
      releases.delete(step);
    };
    const line = lineUp(missing, (step) => {
      disposeTensors(step);
      if (joint.isStopped()) joint.giveBack(step);
      free(step);
    });
    const join = joinsEach(
      'mergeReplicas',
      () => ({ data: { next: line.next() } }),
      ({ data }) => line.startAt(countsIn(data, ['next'], 'mergeReplicas').next),
    );
    const arrive = (rank: number, step: MicroStep): void => {
      join(step);
      if (!step[RUN]?.isRepeat?.()) {
        if (line.add(rank, step)) begun$.next(step.microStep);
        return;
      }
      free(step);
      if (repeat) disposeTensors(step);
      repeat ??= step; // one is enough: nothing is computed of it
    };
    const takeRepeat = (): MicroStep | undefined => {
      if (!repeat || !joint.areKnown()) return undefined;
      const taken = { ...repeat, worldSize: replicas.length, [RUN]: { ...joint.run(), isRepeat: () => true } };
      repeat = undefined;
      return taken;
    };
    /** What can go on; then those are told whose epoch, or everything, is over. */
    const drain = (): Observable<MicroStep> =>
      defer(() => {
        const repeated = takeRepeat();
        if (repeated) return concat(of(repeated), drain());
        if (joint.isStopped()) line.clear();
        const steps = line.take(joint.giving(), (microStep) => overdue.has(microStep));
        if (!steps) {
          joint.settle(line.next() - 1);
          return EMPTY;
        }
        const freed$ = defer(() => (steps.forEach(free), EMPTY));
        return concat(of(mergeMicroSteps(steps, replicas.length, joint.run())), freed$, drain());
      });

    /** Takes notice at once, so that the source waits; what is to be done comes in its turn. */
    const noticed = (rank: number, value: MicroStep | typeof EPOCH_END | typeof END): (() => void) => {
      if (value === EPOCH_END) return joint.epochEnded(rank);
      if (value === END) return joint.ended(rank);
      joint.see(rank, value);
      releases.set(value, hold(value));
      return () => arrive(rank, value);
    };
    const arrival$ = merge(
      ...replicas.map((replica$, rank) =>
        concat(
          replica$.pipe(
            withEnds<MicroStep>(),
            map((value) => noticed(rank, value)),
          ),
          of(() => joint.completed(rank)),
        ),
      ),
    );
    const overdue$ = begun$.pipe(
      whenDue(due),
      map((microStep) => () => void overdue.add(microStep)),
    );
    return arrival$.pipe(
      alongside(overdue$),
      concatMap((apply) => {
        apply();
        return drain();
      }),
      finalize(() => {
        line.clear();
        disposeTensors(repeat);
      }),
    );
  });
}
