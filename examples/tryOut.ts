// What may be asked of a run without changing it: which learning rate, which batch size. All of it works on forks of the model.
import { concatMap, map, timeInterval, toArray, type Observable } from 'rxjs';
import {
  batch,
  batchSizeProbe,
  learningRateRangeTest,
  suggestLearningRate,
  type Batch,
  type BatchSizeTrial,
  type Model,
  type RangeTestPoint,
  type Sample,
  type TrainStepOptions,
} from 'gradstream';
import type { Checkpoint } from 'gradstream/checkpoint';

/** One micro-batch size, and how fast it was. */
export interface TimedTrial extends BatchSizeTrial {
  readonly samplesPerSecond: number;
}

/** What has been found. */
export interface Findings {
  readonly points: readonly RangeTestPoint[];
  /** Where the loss falls fastest. */
  readonly learningRate: number;
  readonly trials: readonly TimedTrial[];
}

/** What is tried out, from where. */
export interface TryOutOptions extends TrainStepOptions {
  readonly from: Checkpoint;
  /** The smallest and the largest micro-batch that is tried. */
  readonly sizes: readonly [number, number];
}

const RATES = { min: 1e-5, max: 1, steps: 100 };
/** At each size. */
const STEPS = 4;

/** Sweeps the learning rate from a checkpoint on, then tries micro-batches of double and double the size; the model is as before when it is over. */
export function tryOut(
  model: Model,
  samples: AsyncIterable<Sample>,
  batches: (epoch: number) => AsyncIterable<Batch>,
  { from, sizes: [min, max], ...options }: TryOutOptions,
): Observable<Findings> {
  return learningRateRangeTest(model, batches, { ...options, ...RATES, from }).pipe(
    toArray(),
    concatMap((points) => {
      const learningRate = suggestLearningRate(points);
      if (learningRate === undefined) throw new Error('the loss must fall at some rate, it falls at none');
      return batchSizeProbe(model, (size) => batch(size)(samples), {
        ...options,
        accumulate: 1,
        steps: STEPS,
        min,
        max,
      }).pipe(
        timeInterval(),
        map(({ value, interval }) => ({ ...value, samplesPerSecond: (value.batchSize * STEPS * 1e3) / interval })),
        toArray(),
        map((trials) => ({ points, learningRate, trials })),
      );
    }),
  );
}
