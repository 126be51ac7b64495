import { catchError, defer, EMPTY, expand, last, map, of, take, tap, type Observable } from 'rxjs';

import { readback } from '../../operators/readback.js';
import { trainStep, type TrainStepOptions } from '../../operators/trainStep.js';
import { samplesOf, type Batch } from '../core/batch.js';
import { ArgumentError, assertPositiveInteger, messageOf } from '../core/errors.js';
import { fromPull } from '../core/fromPull.js';
import type { Model } from '../core/model.js';
import { isOutOfMemory, OutOfMemoryError } from '../core/outOfMemory.js';
import type { PullSource } from '../core/source.js';
import { fork } from './fork.js';

/** Options of {@link batchSizeProbe}: those of `trainStep`, and which sizes are tried how. */
export interface BatchSizeProbeOptions extends TrainStepOptions {
  /** The first size; 1 unless given. */
  readonly min?: number;
  /** The largest that is tried; without, until memory or the data run out. */
  readonly max?: number;
  /** Optimizer steps at each size; 2 unless given: the second has the optimizer's state, too. */
  readonly steps?: number;
  /** Goes on between the last size that fitted and the first that did not, until they are neighbours. */
  readonly bisect?: boolean;
}

/** One size that has been tried. */
export interface BatchSizeTrial {
  readonly batchSize: number;
  readonly fits: boolean;
  /** The largest so far that fits; fewer samples than asked for, where there are no more. */
  readonly largest: number;
}

/**
 * Trains forks of the model with ever larger micro-batches, and says which of them fit in memory.
 *
 * How large they may be depends on model, optimizer and device; it is found out sooner than calculated.
 *
 * ```text
 * sizes:   1--2--4--8--16✗--12--14✗--13
 * output:  p--p--p--p--p----p---p----(p|)        the last says the largest: 13
 * ```
 *
 * Sizes double from `min` on until one does not fit, is `max`, or is more than the data give; `bisect` then narrows it down. Without it the largest is
 * within a factor of 2. The model is as before when it ends, fails or is unsubscribed; see `fork`.
 * On engines that compute in the machine's own memory (`node` on the CPU) give a `max`: long before memory is refused, the machine may swap or end the
 * process.
 *
 * **Cost**: `steps` optimizer steps at each size. **Memory**: all there is, by intent.
 *
 * @example
 * ```ts
 * const probe$ = batchSizeProbe(model, (size) => data.pipe(batch(size)), { loss: mse, optimizer: adam(), max: 4096 });
 * const { largest } = await lastValueFrom(probe$);
 * ```
 *
 * @param makeBatches - Gives batches of so many samples, made afresh for each size and each time they have been gone through.
 * @throws {@link ArgumentError} at once, if a number is out of range. Errors with {@link OutOfMemoryError}, if `min` does not fit; with what `trainStep` does.
 * @see {@link retryWithSmallerBatches} for when it is too late; {@link isOutOfMemory}
 */
export function batchSizeProbe(
  model: Model,
  makeBatches: (batchSize: number) => PullSource<Batch>,
  { min = 1, max = Infinity, steps = 2, bisect = false, ...options }: BatchSizeProbeOptions,
): Observable<BatchSizeTrial> {
  if (typeof makeBatches !== 'function')
    throw new ArgumentError(`batchSizeProbe: makeBatches must be a function, received ${typeof makeBatches}`);
  assertPositiveInteger(min, 'batchSizeProbe: min');
  assertPositiveInteger(steps, 'batchSizeProbe: steps');
  if (max !== Infinity) assertPositiveInteger(max, 'batchSizeProbe: max');
  if (max < min) throw new ArgumentError(`batchSizeProbe: max must be at least min, received ${max} and ${min}`);
  const stages = trainStep(model, options);

  return defer(() => {
    let largest = 0;
    let tooLarge = max + 1;
    let dataEnd = false;
    const fits = (batchSize: number): Observable<boolean> =>
      defer(() => {
        let most = 0;
        return fork(model, () =>
          fromPull(() => makeBatches(batchSize), { epochs: Infinity, prefetch: 0 }).pipe(
            tap((batch) => (most = Math.max(most, samplesOf(batch)))),
            stages,
            readback(1, { nonFinite: 'keep' }),
            take(steps),
            map(() => true),
            tap(() => {
              largest = Math.max(largest, most);
              dataEnd ||= most < batchSize;
            }),
          ),
        );
      });
    const trial = (batchSize: number): Observable<BatchSizeTrial> =>
      fits(batchSize).pipe(
        last(), // the fork is over then, and the next may begin
        catchError((error: unknown) => {
          if (!isOutOfMemory(error)) throw error;
          if (largest === 0) throw noneFits(batchSize, error);
          tooLarge = batchSize;
          return of(false);
        }),
        map((fits) => ({ batchSize, fits, largest })),
      );
    const next = (): number | undefined => {
      if (dataEnd || largest + 1 >= tooLarge) return undefined;
      const doubled = Math.min(2 * largest, max);
      if (doubled < tooLarge) return doubled;
      return bisect ? Math.floor((largest + tooLarge) / 2) : undefined;
    };
    return trial(min).pipe(
      expand(() => {
        const size = next();
        return size === undefined ? EMPTY : trial(size);
      }),
    );
  });
}

function noneFits(batchSize: number, cause: unknown): OutOfMemoryError {
  return new OutOfMemoryError(
    `batchSizeProbe: batches of min = ${batchSize} must fit in memory, they do not: ${messageOf(cause)}`,
    { cause },
  );
}
