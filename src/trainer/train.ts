import { concatWith, defer, identity, isObservable, of, takeUntil, takeWhile, tap, type Observable } from 'rxjs';

import { readback } from '../../operators/readback.js';
import { trainStep, type TrainStepOptions } from '../../operators/trainStep.js';
import { withChanges } from '../../operators/withChanges.js';
import { assignArrays } from '../core/arrays.js';
import type { Batch } from '../core/batch.js';
import { ArgumentError, assertPositiveInteger } from '../core/errors.js';
import type { EndEvent, TrainingEvent } from '../core/events.js';
import { fromPull } from '../core/fromPull.js';
import { allVariablesOf, type Model } from '../core/model.js';
import type { Checkpoint } from '../core/snapshot.js';
import type { EpochSource } from '../core/source.js';

/** Options of {@link train}: those of `trainStep`, and when to end. */
export interface TrainOptions extends TrainStepOptions {
  /** Passes over the batches; 1 unless `steps` or `until` says when to end. */
  readonly epochs?: number;
  /** Optimizer steps after which to end. */
  readonly steps?: number;
  /** Goes on from there, with the same model, data and options; see `checkpointEvery` and `latest`. */
  readonly from?: Checkpoint | undefined;
  /** Ends the run when it emits: a button, a timer, Ctrl-C. */
  readonly until?: Observable<unknown>;
}

/**
 * Trains a model: subscribe to start, unsubscribe to stop.
 *
 * It is an ordinary pipe of public operators, for when the stages need not be seen; whatever else a run should do is piped on.
 *
 * ```text
 * batches asked:  a-b-c-d-e-f-|
 *                    train(model, batches, { loss, optimizer, accumulate: 2 })
 * output:         ----1---2---(3E|)        E: { type: 'end', reason: 'epochs', … }
 * ```
 *
 * One event for each optimizer step, then an end event that says why. Unsubscribing stops at once, without one.
 *
 * @example
 * ```ts
 * train(model, batches, { loss: softmaxCrossEntropy, optimizer: adamw(), accumulate: 4, epochs: 3 })
 *   .pipe(ema('loss'), logEvery(50))
 *   .subscribe(console.log);
 * ```
 *
 * @param model - A `tf.LayersModel`, or any `{ variables, apply(xs, { training }) }`.
 * @param batches - Whatever {@link fromPull} takes; for several epochs, something that can be gone through again, or a function.
 * @throws {@link ArgumentError} and {@link ModelError} at once, for what can never be valid; errors with what its stages do.
 */
export function train(model: Model, batches: EpochSource<Batch>, options: TrainOptions): Observable<TrainingEvent> {
  const { steps, until, from } = options;
  if (steps !== undefined) assertPositiveInteger(steps, 'train: steps');
  if (until !== undefined && !isObservable(until))
    throw new ArgumentError(`train: until must be an Observable, received ${String(until)}`);
  const epochs = options.epochs ?? (steps || until ? Infinity : 1);
  const batch$ = fromPull(batches, { epochs, ...(from && { from }) });
  const stages = trainStep(model, options);

  return defer(() => {
    const { globalStep: begin = 0, epoch = 1, stages: saved } = from ?? {};
    let end: EndEvent = { type: 'end', globalStep: begin, epoch: Math.min(epoch, epochs), reason: 'epochs' };
    if (saved) assignArrays(allVariablesOf(model), saved['model']?.arrays ?? {}); // also if nothing is left to train
    return batch$.pipe(
      stages,
      readback(),
      tap(
        ({ globalStep, epoch }) =>
          (end = { ...end, globalStep, epoch, reason: globalStep === steps ? 'steps' : 'epochs' }),
      ),
      steps ? takeWhile(({ globalStep }) => globalStep < steps, true) : identity,
      withChanges(),
      until ? takeUntil(until.pipe(tap(() => (end = { ...end, reason: 'until' })))) : identity,
      concatWith(defer(() => of(end))),
    );
  });
}
