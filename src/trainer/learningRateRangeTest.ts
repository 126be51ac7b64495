import { defer, map, scan, take, takeWhile, type Observable } from 'rxjs';

import { readback } from '../../operators/readback.js';
import { trainStep, type TrainStepOptions } from '../../operators/trainStep.js';
import type { Batch } from '../core/batch.js';
import { ArgumentError, assertPositive } from '../core/errors.js';
import { fromPull } from '../core/fromPull.js';
import type { Model } from '../core/model.js';
import { averageNext, averageOf, emptyAverage } from '../core/movingAverage.js';
import type { Checkpoint } from '../core/snapshot.js';
import { assertReadableAgain, type EpochSource } from '../core/source.js';
import { fork } from './fork.js';

/** Options of {@link learningRateRangeTest}: those of `trainStep`, and what is swept. */
export interface RangeTestOptions extends TrainStepOptions {
  /** The first learning rate; 1e-7 unless given. */
  readonly min?: number;
  /** The last; 10 unless given. */
  readonly max?: number;
  /** Optimizer steps, each with a rate of its own; 100 unless given. */
  readonly steps?: number;
  /** Starts from there and not from the weights as they are; see `checkpointEvery`. */
  readonly from?: Checkpoint | undefined;
}

/** One step of a sweep. */
export interface RangeTestPoint {
  readonly learningRate: number;
  /** Of the whole window; the last may be NaN or infinite. */
  readonly loss: number;
  /** The losses' moving average so far. */
  readonly smoothed: number;
}

/** How much a new loss weighs in the average, and at how many times the best it has diverged: as fastai and Lightning have it. */
const ALPHA = 0.02;
const DIVERGED = 4;

/**
 * Trains a fork of the model at ever larger learning rates, and says what the loss does.
 *
 * The rate at which the loss falls fastest, far enough below the one at which it explodes, is a good one to train with.
 *
 * ```text
 * rates:   1e-7--…--1e-3--1e-2--1e-1--1
 * loss:    2.30--…--2.11--1.42--1.37--9.05
 * output:  --p----…---p-----p-----p-----(p|)        diverged: it ends before `max`
 * ```
 *
 * Step i of n is made at min·(max/min)^(i/(n−1)): a geometric sequence with both ends. The batches are gone through again as often as it takes.
 * It ends early with the first loss that is not finite, or when the smoothed loss is more than 4 times its best (as long as that is above 0).
 * The model is as before when it ends, fails or is unsubscribed; see `fork`.
 *
 * **Cost**: `steps` optimizer steps, each read. **Memory**: as training, and another set of variables.
 *
 * @example
 * ```ts
 * const points = await lastValueFrom(learningRateRangeTest(model, batches, { loss: mse, optimizer: adam(), accumulate: 4 }).pipe(toArray()));
 * const learningRate = suggestLearningRate(points);
 * ```
 *
 * @param batches - Whatever {@link fromPull} takes and can be read again.
 * @throws {@link ArgumentError} at once, if `min`, `max` or `steps` is out of range, or the batches can be read once only; errors with what `trainStep` does.
 * @see {@link suggestLearningRate}
 * @see Smith 2017, Cyclical learning rates for training neural networks, arXiv:1506.01186; smoothing and stopping as fastai's `LRFinder`.
 */
export function learningRateRangeTest(
  model: Model,
  batches: EpochSource<Batch>,
  { min = 1e-7, max = 10, steps = 100, from, ...options }: RangeTestOptions,
): Observable<RangeTestPoint> {
  assertPositive(min, 'learningRateRangeTest: min');
  assertPositive(max, 'learningRateRangeTest: max');
  if (max <= min)
    throw new ArgumentError(`learningRateRangeTest: max must be more than min, received ${max} and ${min}`);
  if (!Number.isInteger(steps) || steps < 2)
    throw new ArgumentError(`learningRateRangeTest: steps must be a whole number of at least 2, received ${steps}`);
  assertReadableAgain(batches, 'learningRateRangeTest: batches');

  const begin = from?.globalStep ?? 0;
  const learningRate = (globalStep: number): number => min * (max / min) ** ((globalStep - begin - 1) / (steps - 1));
  const stages = trainStep(model, { ...options, optimizer: { ...options.optimizer, learningRate } });
  const batch$ = fromPull(batches, { epochs: Infinity, ...(from && { from }) });

  return defer(() =>
    fork(model, () =>
      batch$.pipe(
        stages,
        readback(1, { nonFinite: 'keep' }),
        take(steps),
        scan((sweep, { loss, learningRate: rate }) => next(sweep, loss, rate), START),
        takeWhile(({ ended }) => !ended, true),
        map(({ point }) => point),
      ),
    ),
  );
}

interface Sweep {
  readonly point: RangeTestPoint;
  readonly average: ReturnType<typeof averageNext>;
  readonly best: number;
  readonly ended: boolean;
}
const START: Sweep = {
  point: { learningRate: NaN, loss: NaN, smoothed: NaN },
  average: emptyAverage,
  best: Infinity,
  ended: false,
};

function next({ average: before, best: bestBefore }: Sweep, loss: number, learningRate: number): Sweep {
  const average = averageNext(before, loss, ALPHA, true);
  const smoothed = averageOf(average);
  const best = Math.min(bestBefore, smoothed);
  const ended = !Number.isFinite(loss) || (best > 0 && smoothed > DIVERGED * best);
  return { point: { learningRate, loss, smoothed }, average, best, ended };
}
