import {
  concat,
  concatMap,
  defer,
  EMPTY,
  finalize,
  from,
  map,
  merge,
  mergeMap,
  NEVER,
  of,
  Subject,
  take,
  type Observable,
  type ObservableInput,
} from 'rxjs';

import { alongside } from '../src/core/alongside.js';
import { disposeTensors } from '../src/core/batch.js';
import { ArgumentError, ReplicaError } from '../src/core/errors.js';
import { mergeMicroSteps } from '../src/core/mergeMicroSteps.js';
import { joinsEach } from '../src/core/joinsEach.js';
import { hold } from '../src/core/run.js';
import type { MicroStep } from '../src/core/values.js';

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
 * waited for no more. What comes when its micro-step has gone on without it is disposed. Each source waits until its micro-step is through.
 *
 * Replicas of equal length can go on from a snapshot of the first one's run: each source is given it as `from`.
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
    const waiting = new Map<number, Map<number, MicroStep>>();
    const releases = new Map<MicroStep, () => void>();
    const [running, overdue] = [new Set(replicas.keys()), new Set<number>()];
    const begun$ = new Subject<number>();
    let next = 1;

    const join = joinsEach(
      'mergeReplicas',
      () => ({ data: { next } }),
      ({ data }) => (next = Math.max(next, (data as { next: number }).next)),
    );
    const arrive = (rank: number, step: MicroStep): void => {
      const { microStep } = step;
      join(step);
      const release = hold(step);
      if (microStep < next) {
        disposeTensors(step);
        return release();
      }
      const arrived = waiting.get(microStep) ?? new Map<number, MicroStep>();
      if (arrived.has(rank)) {
        disposeTensors(step);
        throw new ReplicaError(
          `mergeReplicas: rank ${rank} must deliver micro-step ${microStep} once, received it twice`,
          [rank],
          microStep,
        );
      }
      releases.set(step, release);
      waiting.set(microStep, arrived.set(rank, step));
      if (arrived.size === 1) begun$.next(microStep);
    };

    /** The next micro-step, if it can go on. */
    const takeNext = (): MicroStep[] | undefined => {
      if (running.size === 0 && waiting.size > 0) next = Math.min(...waiting.keys());
      const arrived = waiting.get(next);
      if (!arrived) return undefined;
      const absent = [...running].filter((rank) => !arrived.has(rank));
      if (absent.length > 0 && !overdue.has(next)) return undefined;
      if (absent.length > 0 && missing === 'error') {
        throw new ReplicaError(
          `mergeReplicas: every rank must deliver micro-step ${next} in time, missing ${absent.join(', ')}`,
          absent,
          next,
        );
      }
      waiting.delete(next);
      next += 1;
      return [...arrived].sort(([a], [b]) => a - b).map(([, step]) => step);
    };
    const drain = (): Observable<MicroStep> =>
      defer(() => {
        const steps = takeNext();
        if (!steps) return EMPTY;
        const freed$ = defer(() => {
          steps.forEach((step) => releases.get(step)?.());
          steps.forEach((step) => releases.delete(step));
          return EMPTY;
        });
        return concat(of(mergeMicroSteps(steps, replicas.length)), freed$, drain());
      });

    const arrival$ = merge(
      ...replicas.map((replica$, rank) =>
        concat(
          replica$.pipe(map((step) => () => arrive(rank, step))),
          of(() => void running.delete(rank)),
        ),
      ),
    );
    const overdue$ = begun$.pipe(
      mergeMap((microStep) =>
        from(due?.(microStep) ?? NEVER).pipe(
          take(1),
          map(() => () => void overdue.add(microStep)),
        ),
      ),
    );
    return arrival$.pipe(
      alongside(overdue$),
      concatMap((apply) => {
        apply();
        return drain();
      }),
      finalize(() => waiting.forEach((arrived) => arrived.forEach(disposeTensors))),
    );
  });
}
