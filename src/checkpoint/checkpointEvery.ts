import {
  concat,
  concatMap,
  defer,
  EMPTY,
  ignoreElements,
  isObservable,
  of,
  tap,
  type Observable,
  type OperatorFunction,
} from 'rxjs';

import { alongside } from '../core/alongside.js';
import { disposeTensors } from '../core/batch.js';
import { ArgumentError, assertPositiveInteger, StaleStepError } from '../core/errors.js';
import type { CheckpointEvent, TrainingEvent } from '../core/events.js';
import { nextTurn } from '../core/nextTurn.js';
import { END, EPOCH_END, RUN, waitUntil, withEnds } from '../core/run.js';
import { takesPart } from '../core/runState.js';
import type { StepResult } from '../core/values.js';
import { betterThan, checkBest, type Best, type BestOptions } from './criterion.js';
import { besideSaves, written } from './besideSaves.js';
import { cadence, checkEvery, type Every } from './cadence.js';
import { saves } from './saves.js';
import type { CheckpointStore } from './store.js';

/** Options of {@link checkpointEvery}. */
export interface CheckpointOptions {
  /** How many of the newest are kept; 3 unless given. */
  readonly keep?: number;
  /** Saves whenever a metric is better than ever, and keeps the best beside the newest. */
  readonly best?: BestOptions;
  /** Saves whenever it emits. */
  readonly on?: Observable<unknown>;
  /**
   * What to do if one is due while another is being written, or has just been: with 'latest', which is meant unless given, training goes on and the
   * newest weights are saved as soon as the store is free, and in at most a twentieth of the time; with 'wait' training waits, so that each is made.
   */
  readonly whenBusy?: 'latest' | 'wait';
}

/**
 * Saves the run every so many steps, every so often or at the end of each epoch, so that it can go on from there.
 *
 * Training waits only until everything has been copied on the device; reading and writing go on beside it.
 *
 * ```text
 * source:  --1--2-----3--4-----(E|)        a write takes 2 frames
 *             checkpointEvery(2, store)
 * output:  --1--2-C---3--4-D---(E|)        C.globalStep = 2   D.globalStep = 4
 * ```
 *
 * What is saved: the weights, and what every stage holds (the optimizer's state, the half-filled window, averages, the source's cursor), as it is
 * between two batches; of an epoch's end, between the two epochs. At the end of the run its last state is saved, so that a finished run has nothing left
 * to do if it is started again. An event tells of each checkpoint once the store has it for good; the run's end event, and its completion, come after the
 * last of them; an error of the run, too, and if its source fails, its last state is saved. A time that has passed is heeded at the next step
 * whose weights are there.
 *
 * Only steps and times are put off while the store is busy (`whenBusy`; `skipped` in the event counts them), and for 19 times as long as the last one
 * took to be read and packed; epochs, `best` and `on` make training wait.
 * Which is the best is saved, too, and known again in a run that goes on. Works on steps before and behind `readback`, as long as the weights are still
 * those of the step. Unsubscribing ends without a further checkpoint; what is being written is finished.
 *
 * **Memory**: one copy of weights and state on the device, and two on the host, until it is written. **Cost**: one device read of all of it.
 * **Ownership**: touches no tensor of the values.
 *
 * @example
 * ```ts
 * train(model, batches, { loss: mse, optimizer: adam(), epochs: 9 })
 *   .pipe(validateEvery(100, held), checkpointEvery('10min', memoryStore(), { best: { metric: 'validation.loss', mode: 'min' } }))
 *   .subscribe();
 * ```
 *
 * @param every - Steps from one to the next (a positive integer, a schedule, or an Observable), a time such as '30s', '10min' or '2h', or 'epoch'.
 * @throws {@link ArgumentError} at once, for what can never be valid. Errors with it, if the values come from no run, or have no such metric.
 * Errors with {@link StaleStepError}, if the weights have moved on, and with what the store says.
 */
export function checkpointEvery<T extends StepResult | TrainingEvent>(
  every: Every,
  store: CheckpointStore,
  { keep = 3, best: criterion, on = EMPTY, whenBusy = 'latest' }: CheckpointOptions = {},
): OperatorFunction<T, NoInfer<T> | CheckpointEvent> {
  checkEvery(every);
  assertPositiveInteger(keep, 'checkpointEvery: keep');
  if (criterion) checkBest(criterion);
  if (!isObservable(on)) throw new ArgumentError(`checkpointEvery: on must be an Observable, received ${String(on)}`);
  if (!['latest', 'wait'].includes(whenBusy))
    throw new ArgumentError(`checkpointEvery: whenBusy must be 'latest' or 'wait', received '${whenBusy}'`);

  return (source) =>
    defer(() => {
      const due = cadence(every);
      const making = saves(store, keep);
      const { order, taken, isBusy, isResting } = making;
      let newest: T | undefined;
      let best: Best | undefined;
      let owed = 0;
      let isDemanded = false;

      const save = (reason: CheckpointEvent['reason'], best = false): void => {
        if (!newest) return;
        order(newest, { reason, epoch: newest.epoch, best, skipped: Math.max(0, owed - 1) });
        owed = 0;
      };
      const look = (value: T): void => {
        newest = value;
        // A source that is always ready would leave reading and writing no turn.
        if (isBusy()) waitUntil(value, nextTurn());
        if (isDemanded) demand();
        const better = criterion && betterThan(best, value, criterion);
        const isStep = !('type' in value) || value.type === 'step';
        const isDue = isStep && due.isDue(value.globalStep);
        if (isDue) owed += 1;
        // What was put off, or is due by the clock, is of any step whose weights are there.
        const isBound = isDue && due.reason === 'steps';
        const isFree = whenBusy === 'wait' || !(isBusy() || isResting());
        const isNow = isStep && owed > 0 && isFree && (isBound || isFresh(value));
        if (isNow || better) assertFresh(value);
        if (isNow) save(due.reason);
        if (!better) return;
        best = better;
        save('best', true);
      };
      const demand = (): void => {
        isDemanded = !newest;
        save('demand');
      };

      return source.pipe(
        due.whileRunning(),
        takesPart(
          criterion ? `checkpointEvery/${criterion.metric}` : 'checkpointEvery',
          () => (taken(best), best ? { data: { ...best } } : {}),
          ({ data }) => (best = data as unknown as Best | undefined),
        ),
        withEnds<T>(),
        concatMap((value) => {
          if (value === END) return (save('end'), EMPTY);
          if (value === EPOCH_END) return (every === 'epoch' && save('epoch'), EMPTY);
          if ('type' in value && value.type === 'end') return concat(written(making), of(value));
          try {
            look(value);
          } catch (error) {
            disposeTensors(value);
            throw error;
          }
          return of(value);
        }),
        besideSaves(making),
        alongside(on.pipe(tap(demand), ignoreElements())),
      );
    });
}

function isFresh(value: StepResult | TrainingEvent): boolean {
  return now(value) === value.globalStep;
}

function assertFresh(value: StepResult | TrainingEvent): void {
  if (!isFresh(value)) throw new StaleStepError('checkpointEvery', value.globalStep, now(value));
}

/** The global step of the weights as they are. */
function now(value: StepResult | TrainingEvent): number {
  return value[RUN]?.globalStep?.() ?? value.globalStep;
}
