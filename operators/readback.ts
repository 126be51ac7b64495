import { concatMap, concatWith, defer, EMPTY, finalize, from, map, type Observable, type OperatorFunction } from 'rxjs';

import { disposeTensors } from '../src/core/batch.js';
import { ArgumentError, assertPositiveInteger, NonFiniteError } from '../src/core/errors.js';
import type { StepEvent, TrainingEvent } from '../src/core/events.js';
import { countsIn } from '../src/core/heldData.js';
import { holdSteps, restoreSteps } from '../src/core/heldSteps.js';
import { readScalars, scalarsIn, takeResult } from '../src/core/readResults.js';
import { RUN, waitMap } from '../src/core/run.js';
import { takesPart } from '../src/core/runState.js';
import { noSkips, skipsNext } from '../src/core/skips.js';
import { summarize } from '../src/core/summarize.js';
import type { StepResult } from '../src/core/values.js';

/** Options of {@link readback}. */
export interface ReadbackOptions {
  /** What to do about NaN or Infinity that has already gone into the weights: stop with an error, or report it and go on. */
  readonly nonFinite?: 'error' | 'keep';
}

/**
 * Turns steps into events of plain numbers, reading the device once per `every` steps.
 *
 * Reading makes the host wait for the device; this is the only place in a step where that happens, and nothing behind it holds a tensor.
 *
 * ```text
 * source:  --1--2--3--4--5--|
 *             readback(2)
 * output:  -----(12)--(34)--(5|)
 * ```
 *
 * Every step gives one complete event, in order; what is left is read at the end. Events that come in (validations) keep their place.
 * The source waits while the device is read.
 *
 * **Cost**: one device read per `every` steps, of all their scalars packed into one tensor. **Memory**: the scalars of `every` steps.
 * **Ownership**: takes the scalars and disposes them.
 *
 * @example
 * ```ts
 * steps$.pipe(accumulate(4), optimizerStep(adam()), readback(10), logEvery(50)).subscribe(console.log);
 * ```
 *
 * @param every - Steps per read; a positive integer.
 * @throws {@link ArgumentError} at once, if `every` or `nonFinite` can never be valid.
 * Errors with {@link NonFiniteError}, if a loss or the gradient norm is NaN or infinite, the step was not skipped, and `nonFinite` is 'error'; or if as
 * many steps in a row have been skipped as `skipNonFinite` allows.
 * @see {@link skipNonFinite}
 */
export function readback<T extends StepResult | TrainingEvent>(
  every = 1,
  { nonFinite = 'error' }: ReadbackOptions = {},
): OperatorFunction<T, StepEvent | Exclude<T, StepResult>> {
  assertPositiveInteger(every, 'readback: every');
  if (!['error', 'keep'].includes(nonFinite)) {
    throw new ArgumentError(`readback: nonFinite must be 'error' or 'keep', received '${nonFinite}'`);
  }

  return (source) =>
    defer(() => {
      let held: T[] = [];
      let skips = noSkips;
      const counted = (step: StepResult, event: StepEvent): StepEvent => {
        const { nonFinite: found } = event;
        const skipped = found?.action === 'skipped' ? found : undefined;
        skips = skipsNext(skips, step, skipped?.what);
        return skipped ? { ...event, nonFinite: { ...skipped, count: skips.count } } : event;
      };
      const drain = (): Observable<StepEvent | Exclude<T, StepResult>> => {
        const taken = held;
        held = [];
        return taken.length > 0
          ? read(taken, (step, numbers) => counted(step, toEvent(step, numbers, nonFinite)))
          : EMPTY;
      };
      return source.pipe(
        takesPart(
          'readback',
          () => holdSteps(held),
          (saved, next) => (held = restoreSteps(saved, next)),
        ),
        takesPart(
          'skips',
          () => ({ data: { ...skips } }),
          ({ data }) => (skips = countsIn(data, ['count', 'inARow'], 'readback')),
        ),
        waitMap((value) => {
          value[RUN]?.times?.enter('read');
          held.push(value);
          const steps = held.filter((each) => !('type' in each)).length;
          return steps === every || steps === 0 ? drain() : EMPTY;
        }),
        concatWith(defer(drain)),
        finalize(() => disposeTensors(scalarsIn(held))),
      );
    });
}

function read<T extends StepResult | TrainingEvent>(
  held: readonly T[],
  eventOf: (step: StepResult, numbers: number[]) => StepEvent,
): Observable<StepEvent | Exclude<T, StepResult>> {
  const scalars = scalarsIn(held);
  return defer(() => (scalars.length > 0 ? readScalars(scalars) : [[]])).pipe(
    concatMap((numbers) =>
      from(held).pipe(
        map((value) => ('type' in value ? value : eventOf(value, numbers)) as StepEvent | Exclude<T, StepResult>),
      ),
    ),
    finalize(() => disposeTensors(scalars)),
  );
}

/** The event of one step; takes its numbers from the front of `numbers`. */
function toEvent(step: StepResult, numbers: number[], onNonFinite: 'error' | 'keep'): StepEvent {
  const { globalStep, microStep, epoch, samples, learningRate, worldSize, reducers } = step;
  const microBatches = step.microBatches.map((result) => takeResult(result, numbers));
  const gradientNorm = step.gradientNorm && numbers.shift();
  const skipped = step.finite !== undefined && numbers.shift() !== 1;
  const { loss, metrics } = summarize(microBatches, reducers);

  const lossIsBad = microBatches.some((result) => result.weight > 0 && !Number.isFinite(result.loss));
  const what = lossIsBad
    ? 'loss'
    : skipped || (gradientNorm !== undefined && !Number.isFinite(gradientNorm))
      ? 'gradients'
      : undefined;
  if (what && !skipped && onNonFinite === 'error') {
    throw new NonFiniteError(
      `readback: the ${what} must be finite at global step ${globalStep}, received ${lossIsBad ? loss : gradientNorm}; ` +
        'lower the learning rate, clip, put skipNonFinite() before the optimizer, or ask for readback(n, { nonFinite: "keep" })',
      what,
      globalStep,
    );
  }
  return {
    type: 'step',
    globalStep,
    microStep,
    epoch,
    loss,
    metrics,
    microBatches,
    samples,
    learningRate,
    ...(gradientNorm !== undefined && { gradientNorm }),
    worldSize,
    ema: {},
    ...(step.changes && { changes: step.changes }),
    ...(step.histograms && { histograms: step.histograms }),
    ...(what && { nonFinite: { what, action: skipped ? 'skipped' : 'kept' } }),
    ...(step[RUN] && { [RUN]: step[RUN] }),
  };
}
