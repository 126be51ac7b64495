// Ways of logging the loss of a run that makes one optimizer step of k micro-batches: the naive one, five attempts at a better one, and the
// operators that are left of them. Each goes from the events of a run to the points of its log, validations included.
import { concatMap, defer, pipe, tap, type OperatorFunction } from 'rxjs';
import { ema, logEvery, type StepEvent, type TrainingEvent } from 'gradstream';

/** One point of a log. */
export interface LogPoint {
  readonly of: 'training' | 'validation';
  readonly x: number;
  readonly y: number;
}

/** A way of logging. */
export type Way = OperatorFunction<TrainingEvent, LogPoint>;

/** Log every so many steps; in averages, the weight of a new value. */
export interface LogOptions {
  readonly every: number;
  readonly alpha: number;
}

/**
 * **Naive**: every micro-batch, at its own index.
 * Wrong: training takes k times as much of the axis as validation does, so that the two cannot be compared.
 */
export function naive(): Way {
  return points((step) => ownLosses(step).map((y, i, { length }) => ({ x: step.microStep - length + i + 1, y })));
}

/**
 * **1**: every micro-batch, at the current global step.
 * Right: the axis. Wrong: k points on each step, far too many.
 */
export function attempt1(): Way {
  return points((step) => ownLosses(step).map((y) => ({ x: step.globalStep, y })));
}

/**
 * **2**: as 1, on every n-th step. The trainers' `(globalStep + 1) % n == 0` is the same: they have yet to count the step that is under way.
 * Wrong: fewer, and still k points on one step.
 */
export function attempt2({ every }: Pick<LogOptions, 'every'>): Way {
  return pipe(logEvery(every), attempt1());
}

/**
 * **3**: one micro-batch of the window, on every n-th step. It is what PyTorch Lightning 2.6.6 does, with the last one.
 * Right: one point a step. Wrong: a sample, as noisy as its few losses are; all others are never seen.
 */
export function attempt3({ every }: Pick<LogOptions, 'every'>): Way {
  return pipe(
    logEvery(every),
    points((step) => [{ x: step.globalStep, y: ownLosses(step).at(-1)! }]),
  );
}

/**
 * **4**: a moving average that is fed by every micro-batch, and read on every n-th step.
 * Right on one device. Wrong on several: it knows the losses of its own device only.
 */
export function attempt4(options: LogOptions): Way {
  return averaged(ownLosses, options);
}

/**
 * **5**: as 4, with the losses averaged over all replicas (`mergeReplicas`) before the average is updated.
 * Right on many devices. Left to wish for: it is code that every program has to write again.
 */
export function attempt5(options: LogOptions): Way {
  return averaged(mergedLosses, options);
}

/**
 * **The operators**: attempt 5, written once and plugged into any run.
 * Right: the same points, and one more `ema` for each further metric.
 */
export function operators({ every, alpha }: LogOptions): Way {
  return pipe(
    ema('loss', { alpha }),
    logEvery(every),
    points((step) => [{ x: step.globalStep, y: step.ema.loss! }]),
  );
}

/** What the events say without any of this: the weighted mean of each window, one a step. */
export function windowMeans(): Way {
  return points((step) => [{ x: step.globalStep, y: step.loss }]);
}

/** All of them, by name. */
export function allWays(options: LogOptions): Readonly<Record<WayName, Way>> {
  return {
    naive: naive(),
    'attempt 1': attempt1(),
    'attempt 2': attempt2(options),
    'attempt 3': attempt3(options),
    'attempt 4': attempt4(options),
    'attempt 5': attempt5(options),
    operators: operators(options),
    'window means': windowMeans(),
  };
}

/** What {@link allWays} are called. */
export type WayName = 'naive' | `attempt ${1 | 2 | 3 | 4 | 5}` | 'operators' | 'window means';

/** The points that steps give, and one for each validation. */
function points(of: (step: StepEvent) => Omit<LogPoint, 'of'>[]): Way {
  return concatMap((event): LogPoint[] => {
    if (event.type === 'step') return of(event).map((point) => ({ of: 'training', ...point }));
    return event.type === 'validation' ? [{ of: 'validation', x: event.globalStep, y: event.loss }] : [];
  });
}

/** The average by hand: the first value seeds it, `alpha` weighs each new one. */
function averaged(lossesOf: (step: StepEvent) => number[], { every, alpha }: LogOptions): Way {
  return (source) =>
    defer(() => {
      let average: number | undefined;
      const include = (loss: number): void => {
        average = average === undefined ? loss : average + alpha * (loss - average);
      };
      return source.pipe(
        tap((event) => event.type === 'step' && lossesOf(event).forEach(include)),
        logEvery(every),
        points((step) => [{ x: step.globalStep, y: average! }]),
      );
    });
}

/** What the device that logs has seen itself: where there are several, the metric 'own' tells; alone, it sees everything. */
function ownLosses({ microBatches }: StepEvent): number[] {
  return microBatches.map(({ loss, metrics }) => metrics.own ?? loss);
}

/** The weighted means over all replicas. */
function mergedLosses({ microBatches }: StepEvent): number[] {
  return microBatches.map(({ loss }) => loss);
}
