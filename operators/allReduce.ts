import {
  concat,
  concatMap,
  concatWith,
  defer,
  EMPTY,
  finalize,
  ignoreElements,
  isObservable,
  map,
  of,
  tap,
  type MonoTypeOperatorFunction,
  type Observable,
} from 'rxjs';

import { alongside } from '../src/core/alongside.js';
import { disposeTensors } from '../src/core/batch.js';
import { checkNotes } from '../src/core/checkNotes.js';
import type { HalfFormat, Reduces } from '../src/core/collective.js';
import { ArgumentError, assertPositiveInteger } from '../src/core/errors.js';
import { jointStep } from '../src/core/jointStep.js';
import { noteOf, type Rest } from '../src/core/noteOf.js';
import { readStep } from '../src/core/readStep.js';
import { isStep, packNote, STANDS, unpackNote, type ReplicaNote } from '../src/core/replicaNote.js';
import { EPOCH_END, RUN, waitMap, withEpochEnds, type InRun } from '../src/core/run.js';
import { checkTalk, talks, type Language } from '../src/core/talks.js';
import { through } from '../src/core/through.js';
import type { GradientStep } from '../src/core/values.js';

/** Options of {@link allReduce}. */
export interface AllReduceOptions {
  /** Steps from one comparison of the weights to the next; 100 unless given. They are compared before the first step in any case. */
  readonly checkEvery?: number;
  /** Milliseconds to wait for the other replicas at each step, before all fail; what the collective says unless given. */
  readonly timeoutMs?: number;
  /** Sends gradients with 2 bytes a number; see below. */
  readonly compress?: HalfFormat;
  /**
   * Ends the run on all replicas after the step that they make next, when it emits on any: `train`'s own `until` stops in the midst of a window, of which
   * the others know nothing.
   */
  readonly until?: Observable<unknown>;
}

/**
 * Makes one step of the steps that all replicas have come to, on each of them: with the mean of their gradients, and of their losses and metrics.
 *
 * R replicas then train as one with batches R times as large, and log the same: every average sees the loss of all replicas, once.
 *
 * ```text
 * replica 0:  --a-----------b--|
 * replica 1:  -----c--d--|
 *                allReduce(collective)
 * output:     -----x--------y--|        on both:  x = mean(a, c)   y = mean(b, d)
 * ```
 *
 * Everything is weighted as in a window: Σ(weight·gradient) / Σ weight, and the i-th micro-batches of all replicas become one. A replica whose epoch has
 * no further window takes part without weight until all are there, so that weights and epochs stay together. If one stops, or is unsubscribed, the
 * others end after the same step, without the window that they have begun; `until` ends all between two windows. If one fails, all do. Models, metrics,
 * versions, sizes of windows and, every `checkEvery` steps, weights are compared. Replicas that are to go on from one checkpoint need equally many batches
 * each, as `shardBatches` gives them: the checkpoint says of one replica only how far it has read.
 * Place it between `accumulate` and clipping. The source waits meanwhile.
 *
 * With `compress` half as much is sent: gradients go with 2 bytes a number, and are summed with 4. What rounding takes from them is kept on each replica
 * and added to the gradients of the next step, so that in the sum over the steps nothing is missing. With 'float16' what is above 65504 is handed on over
 * several steps, and what is below 3e-8 once enough of it has come together; 'bfloat16' has the range of float32, and 2 digits. What is kept is in no
 * checkpoint: a run that goes on begins with none, and is so far from one that was never stopped.
 *
 * **Cost**: one device read of gradients and losses, one reduction in buckets of 25 MiB, a few numbers beside it. **Memory**: one set of gradients on the
 * host; with `compress` three. **Ownership**: takes the tensors of every step, hands on new ones.
 *
 * @example
 * ```ts
 * const collective = await mpi();
 * await broadcastWeights(collective, model);
 * train(model, batches, { loss: mse, optimizer: adam(), accumulate: 4, reduce: allReduce(collective) }).subscribe(console.log);
 * ```
 *
 * @param collective - From `solo`, `threads` or `mpi`; see `gradstream/replicas`.
 * @throws {@link ArgumentError} at once, if an argument can never be valid; errors with it behind a clip or `skipNonFinite`.
 * Errors with {@link CollectiveError}, naming ranks: 'mismatch', if they do not train the same; 'timeout' or 'died', if one does not come.
 * @see {@link localSteps} for talking once in many steps. {@link mergeReplicas} for replicas within one pipeline.
 * @see Error feedback: Seide et al. 2014, doi:10.21437/Interspeech.2014-274; Karimireddy et al. 2019, arXiv:1901.09847.
 */
export function allReduce(
  collective: Reduces,
  { checkEvery = 100, until = EMPTY, ...options }: AllReduceOptions = {},
): MonoTypeOperatorFunction<GradientStep> {
  checkTalk('allReduce', collective, options);
  assertPositiveInteger(checkEvery, 'allReduce: checkEvery');
  if (!isObservable(until))
    throw new ArgumentError(`allReduce: until must be an Observable, received ${String(until)}`);

  return (source) =>
    defer(() => {
      let newest: Rest | undefined;
      let hasFailed = false;
      let isAsked = false;
      const asked$ = until.pipe(
        tap(() => (isAsked = true)),
        ignoreElements(),
      );
      const language: Language<ReplicaNote> = {
        pack: (note) => packNote({ ...note, isAsked }),
        unpack: (bytes) => unpackNote(bytes, Object.keys(newest?.reducers ?? {})),
        check: checkNotes,
        isReduced: (notes) => notes.some(isStep) && notes.every(({ stands }) => stands < STANDS.stopped),
        weightOf: ({ results }) => results.reduce((sum, { weight }) => sum + weight, 0),
      };
      const { talk, isOver, leave } = talks(collective, language, options);

      const reduce = (step: GradientStep): Observable<GradientStep> => {
        const { gradients, microBatches, ...rest } = step;
        const isFirst = newest === undefined;
        newest = rest;
        const isChecked = isFirst || rest.globalStep % checkEvery === 0;
        return readStep(step, isChecked && rest.weights.variables.length > 0).pipe(
          concatMap((read) =>
            talk(noteOf(STANDS.step, rest, read), read.gradients).pipe(
              map((notes) => ({ notes, gradients: read.gradients })),
            ),
          ),
          concatMap(({ notes, gradients: mean }) => {
            if (!isOver()) {
              newest = next(rest);
              return of(jointStep(rest, notes, mean));
            }
            rest[RUN]?.end?.({ reason: 'until' });
            return EMPTY;
          }),
          finalize(() => disposeTensors([gradients, microBatches])),
        );
      };
      /** Takes part in the others' steps, until they have no more either. */
      const join = (stands: ReplicaNote['stands']): Observable<GradientStep> =>
        defer(() => {
          if (isOver()) return EMPTY;
          const mean = new Float32Array(newest?.weights.slots.reduce((sum, { size }) => sum + size, 0) ?? 0);
          return talk(noteOf(stands, newest), mean).pipe(
            concatMap((notes) => {
              if (isOver()) return EMPTY;
              if (!newest || !notes.some(isStep)) return stands === STANDS.epochEnd ? EMPTY : join(stands);
              const step = jointStep(newest, notes, mean);
              newest = next(newest);
              return concat(through([step]), join(stands));
            }),
          );
        });
      let run: InRun = {};
      return source.pipe(
        tap({ next: ({ [RUN]: its }) => (run = its ? { [RUN]: its } : {}), error: () => (hasFailed = true) }),
        withEpochEnds(),
        map((value) => (value === EPOCH_END ? { ...run, isEnd: true as const } : value)),
        waitMap((value) => {
          if ('isEnd' in value) return join(STANDS.epochEnd);
          return isOver() || value.gradientNorm || value.finite ? refuse(value, isOver()) : reduce(value);
        }),
        concatWith(defer(() => join(run[RUN]?.ended?.() === 'stopped' ? STANDS.stopped : STANDS.end))),
        finalize(() => leave(noteOf(hasFailed ? STANDS.failed : STANDS.left, newest))),
        alongside(asked$),
      );
    });
}

/** What a replica has once a step is made. */
function next(step: Rest): Rest {
  return { ...step, globalStep: step.globalStep + 1 };
}

/** A step that cannot be reduced, or that comes when all is over. */
function refuse(step: GradientStep, isOver: boolean): Observable<never> {
  disposeTensors(step);
  if (isOver) return EMPTY;
  throw new ArgumentError(
    'allReduce: it must stand before clipByGlobalNorm and skipNonFinite, received a step behind them',
  );
}
