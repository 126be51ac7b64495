import {
  concat,
  concatMap,
  concatWith,
  defer,
  EMPTY,
  filter,
  finalize,
  identity,
  map,
  merge,
  of,
  tap,
  type MonoTypeOperatorFunction,
  type Observable,
} from 'rxjs';

import type { HalfFormat, Reduces } from '../src/core/collective.js';
import { ArgumentError, assertPositive, assertPositiveInteger } from '../src/core/errors.js';
import type { TrainingEvent } from '../src/core/events.js';
import type { Model } from '../src/core/model.js';
import { STANDS } from '../src/core/replicaNote.js';
import { rounds } from '../src/core/rounds.js';
import { END, EPOCH_END, RUN, waitMap, withEnds, type InRun } from '../src/core/run.js';
import { takesPart } from '../src/core/runState.js';
import { checkTalk } from '../src/core/talks.js';

/** Options of {@link localSteps}. */
export interface LocalStepsOptions {
  /** Optimizer steps from one meeting of the replicas to the next; 500 unless given. */
  readonly every?: number;
  /** Of the outer step; 0.7 unless given. */
  readonly learningRate?: number;
  /** Of the outer step, at least 0 and below 1; 0.9 unless given. */
  readonly momentum?: number;
  /** Milliseconds to wait for the other replicas each time, before all fail; what the collective says unless given. */
  readonly timeoutMs?: number;
  /** Sends what is sent with 2 bytes a number; see `allReduce`. */
  readonly compress?: HalfFormat;
}

/**
 * Lets each replica make `every` optimizer steps by itself, and then brings all together: DiLoCo.
 *
 * Replicas that reduce every step wait for the network at every step; these talk once in 500, and learn almost as well.
 *
 * ```text
 * replica 0:  -1-2-------3-4--|
 * replica 1:  ---1---2--3---4-|
 *                localSteps(collective, model, { every: 2 })
 * output:     -------(12)---(34|)        on both: each with the losses of both
 * ```
 *
 * After every step whose number is a multiple of `every`, Δ = anchor − weights is averaged over the replicas, by the weight of the samples that each has seen;
 * an outer step of SGD with Nesterov's momentum moves the anchor, and all go on from there, bit-equal. The optimizer's own state stays with each replica.
 * Runs of a few dozen rounds do better with less momentum, such as 0.5.
 * The events of the steps come then, all of them, merged as those of `allReduce`: losses and metrics are those of all replicas, one event for each global
 * step; `gradientNorm` is the mean of their norms. What averages or logs them stands behind, and so does what acts on weights, with a multiple of `every`:
 * in between there are no common weights, and it errors with `StaleStepError`.
 *
 * Epochs are each replica's own. What is left at the end of a run makes a shorter last round. A replica whose data is over takes part without weight until
 * all are at their end. If one stops, the round that it is in is the last for all; if one is unsubscribed, the others go back to their last common weights and end;
 * if one fails, all do. Models, metrics, versions, options and anchors are compared each time.
 *
 * Anchor, momentum and the steps that have not been merged are in a snapshot. Each replica that saves its own and goes on from it is as if it had never
 * stopped. One checkpoint for all must be of a step at which they met, as those are that `checkpointEvery` behind this stage makes at its steps; the
 * optimizer's state is then that of one.
 *
 * **Cost**: in each round one device read of the weights, one reduction, one message with the losses; a compiled step has to copy its weights out and in.
 * **Memory**: three sets of weights on the host. **Ownership**: touches no tensor of the values.
 *
 * @example
 * ```ts
 * const collective = await mpi();
 * await broadcastWeights(collective, model);
 * train(model, batches, { loss: mse, optimizer: adamw(), epochs: 10 })
 *   .pipe(localSteps(collective, model, { every: 100 }), ema('loss'), validateEvery(500, held), logEvery(10))
 *   .subscribe(console.log);
 * ```
 *
 * @param collective - From `solo`, `threads` or `mpi`; see `gradstream/replicas`.
 * @param model - The one that is trained: it has the first anchor's weights when the run is subscribed to.
 * @throws {@link ArgumentError} at once, if an argument can never be valid; errors with it, if another model is trained.
 * Errors with {@link CollectiveError}, naming ranks: 'mismatch', if they do not train the same; 'timeout' or 'died', if one does not come; with
 * {@link StaleStepError} behind a `readback` whose reads do not end with the rounds.
 * @see {@link allReduce} for meeting at every step.
 * @see Douillard et al. 2023, arXiv:2311.08105.
 */
export function localSteps(
  collective: Reduces,
  model: Model,
  { every = 500, learningRate = 0.7, momentum = 0.9, ...options }: LocalStepsOptions = {},
): MonoTypeOperatorFunction<TrainingEvent> {
  checkTalk('localSteps', collective, options);
  assertPositiveInteger(every, 'localSteps: every');
  assertPositive(learningRate, 'localSteps: learningRate');
  if (!(momentum >= 0 && momentum < 1))
    throw new ArgumentError(`localSteps: momentum must be at least 0 and below 1, received ${momentum}`);

  return (source) =>
    defer(() => {
      const { begin, see, isOpen, add, meet, finish, placed, isOver, leave, hold, restore } = rounds(
        collective,
        model,
        {
          every,
          learningRate,
          momentum,
          ...options,
        },
      );
      let run: InRun = {};
      let hasFailed = false;
      const event$ = source.pipe(
        tap({
          next: (event) => (see(event), (run = event[RUN] ? { [RUN]: event[RUN] } : {})),
          error: () => (hasFailed = true),
        }),
        takesPart('localSteps', hold, restore),
        withEnds<TrainingEvent>(),
        filter((value) => value !== EPOCH_END),
        map((value) => (value === END ? { ...run, isEnd: true as const } : value)),
        waitMap((event): Observable<TrainingEvent> => {
          const { ended, endReason } = run[RUN] ?? {};
          // A source that has failed is to fail everywhere.
          if ('isEnd' in event) return ended?.() === 'over' || endReason?.() ? finish() : EMPTY;
          if (event.type === 'end') return of(placed(event));
          if (event.type !== 'step' && !isOpen()) return of(event);
          if (isOver()) return EMPTY;
          add(event);
          if (event.type !== 'step' || event.globalStep % every !== 0) return EMPTY;
          return meet(endReason?.() ? STANDS.stopped : STANDS.step).pipe(concatMap(identity));
        }),
        concatWith(defer(finish)),
        finalize(() => leave(hasFailed ? STANDS.failed : STANDS.left)),
      );
      // A run that goes on has put its weights into the model by the time that it has been subscribed to.
      return concat(begin(), merge(event$, begin()));
    });
}
