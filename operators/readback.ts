import {
  concatMap,
  concatWith,
  defer,
  EMPTY,
  filter,
  finalize,
  from,
  map,
  type Observable,
  type OperatorFunction,
} from 'rxjs';

import { disposeTensors } from '../src/core/batch.js';
import { ArgumentError, assertPositiveInteger } from '../src/core/errors.js';
import { eventOf } from '../src/core/eventOf.js';
import type { StepEvent, TrainingEvent } from '../src/core/events.js';
import { countsIn } from '../src/core/heldData.js';
import { holdSteps, restoreSteps } from '../src/core/heldSteps.js';
import { readScalars, scalarsIn } from '../src/core/readResults.js';
import { RUN, waitMap, type InRun } from '../src/core/run.js';
import { takesPart } from '../src/core/runState.js';
import { noSkips, skipsNext } from '../src/core/skips.js';
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
      let steps = 0;
      let skips = noSkips;
      const counted = (step: StepResult, event: StepEvent): StepEvent => {
        const { nonFinite: found } = event;
        const skipped = found?.action === 'skipped' ? found : undefined;
        skips = skipsNext(skips, step, skipped?.what);
        return skipped ? { ...event, nonFinite: { ...skipped, count: skips.count } } : event;
      };
      const take = (): T[] => {
        const taken = held;
        [held, steps] = [[], 0];
        return taken;
      };
      const eventsOf = (taken: readonly T[]): Observable<StepEvent | Exclude<T, StepResult>> =>
        read(taken, (step, numbers) => counted(step, eventOf(step, numbers, nonFinite)));
      return source.pipe(
        takesPart(
          'readback',
          () => holdSteps(held),
          (saved, next) => {
            held = restoreSteps(saved, next);
            steps = held.filter(isStep).length;
          },
        ),
        takesPart(
          'skips',
          () => ({ data: { ...skips } }),
          ({ data }) => (skips = countsIn(data, ['count', 'inARow'], 'readback')),
        ),
        map((value) => {
          value[RUN]?.times?.enter('read');
          held.push(value);
          if (isStep(value)) steps += 1;
          return steps === every || steps === 0 ? take() : [];
        }),
        filter(({ length }) => length > 0), // most steps are only held, and make nobody wait
        map((taken) => ({ taken, ...runOf(taken) })),
        waitMap(({ taken }) => eventsOf(taken)),
        concatWith(defer(() => (held.length > 0 ? eventsOf(take()) : EMPTY))),
        finalize(() => disposeTensors(scalarsIn(held))),
      );
    });
}

function read<T extends StepResult | TrainingEvent>(
  held: readonly T[],
  toEvent: (step: StepResult, numbers: number[]) => StepEvent,
): Observable<StepEvent | Exclude<T, StepResult>> {
  const scalars = scalarsIn(held);
  return defer(() => (scalars.length > 0 ? readScalars(scalars) : [[]])).pipe(
    concatMap((numbers) =>
      from(held).pipe(
        map((value) => ('type' in value ? value : toEvent(value, numbers)) as StepEvent | Exclude<T, StepResult>),
      ),
    ),
    finalize(() => disposeTensors(scalars)),
  );
}

function isStep(value: StepResult | TrainingEvent): value is StepResult {
  return !('type' in value);
}

function runOf(taken: readonly InRun[]): InRun {
  const run = taken.at(-1)?.[RUN];
  return run ? { [RUN]: run } : {};
}
