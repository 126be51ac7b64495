import { defer, mergeMap, type OperatorFunction } from 'rxjs';

import { changeEvents } from '../src/core/changes.js';
import { ArgumentError, NonFiniteError } from '../src/core/errors.js';
import type { StepEvent, TrainingEvent } from '../src/core/events.js';
import { numbersIn, objectIn } from '../src/core/heldData.js';
import { checkLive, describeLive, liveValue, type ChangeOf, type Live, type Schedule } from '../src/core/live.js';
import { metricIn } from '../src/core/metricIn.js';
import { averageNext, averageOf, emptyAverage } from '../src/core/movingAverage.js';
import { takesPart } from '../src/core/runState.js';

/** Options of {@link ema}. */
export interface EmaOptions<A extends Live = Live> {
  /** The weight of the new value, above 0 and at most 1: a number, a schedule of the global step, or an Observable. */
  readonly alpha?: A;
  /** Start from nothing and divide the bias out, instead of seeding with the first value. */
  readonly debias?: boolean;
  /** What NaN and Infinity do: leave the average as it is, go into it (for good), or stop the run. They stay in the event in any case. */
  readonly nonFinite?: 'skip' | 'propagate' | 'error';
}

/**
 * Adds an exponential moving average, fed by every micro-batch, to each event.
 *
 * One point a step is too noisy if it is one micro-batch, and k points a step are too many; an average that has seen all of them can be read
 * at any step.
 *
 * ```text
 * source:  --1-----2-----|        micro-batch losses: 1 = [0, 1]   2 = [2, 3]
 *             ema('loss', { alpha: 0.5 })
 * output:  --A-----B-----|        A.ema.loss = 0.5   B.ema.loss = 2.125
 * ```
 *
 * `average = average + alpha·(value − average)`, in the order of the micro-batches; the first value seeds it. 'loss' and the names of metrics
 * are averaged over `microBatches`; 'gradientNorm' takes one value a step; 'validation.loss' and 'validation.<metric>' one a validation.
 * Micro-batches without weight are passed over. Other events pass through.
 *
 * @example
 * ```ts
 * events$.pipe(ema('loss', { alpha: 0.02 }), ema('accuracy'), logEvery(50)).subscribe(({ ema }) => console.log(ema));
 * ```
 *
 * @param name - What to average.
 * @throws {@link ArgumentError} at once, if `alpha` or `nonFinite` can never be valid. Errors with it, if the events hold nothing of that name.
 * Errors with {@link NonFiniteError}, if asked to.
 * @see {@link logEvery}
 */
export function ema<E extends TrainingEvent, A extends Live = number | Schedule>(
  name: string,
  { alpha = 0.02 as A, debias = false, nonFinite = 'skip' }: EmaOptions<A> = {},
): OperatorFunction<E, E | ChangeOf<A>> {
  const label = 'ema: alpha';
  const metric = metricIn(name, 'ema');
  checkLive(alpha, label, assertShare);
  if (!['skip', 'propagate', 'error'].includes(nonFinite)) {
    throw new ArgumentError(`ema: nonFinite must be 'skip', 'propagate' or 'error', received '${nonFinite}'`);
  }

  return (source) =>
    defer(() => {
      const weight = liveValue(alpha, `alpha.${name}`, label, assertShare);
      let average = emptyAverage;

      const include = (value: number, share: number, globalStep: number): void => {
        if (!Number.isFinite(value) && nonFinite === 'skip') return;
        if (!Number.isFinite(value) && nonFinite === 'error') {
          throw new NonFiniteError(
            `ema: '${name}' must be finite at global step ${globalStep}, received ${value}`,
            name,
            globalStep,
          );
        }
        average = averageNext(average, value, share, debias);
      };
      return source.pipe(
        weight.whileRunning(),
        takesPart(
          `ema/${name}`,
          () => ({ data: { average: { ...average }, options: { alpha: describeLive(alpha), debias, nonFinite } } }),
          ({ data }) => {
            const saved = objectIn(data, `what ema/${name} has saved`)['average'];
            average = numbersIn(saved, ['value', 'share'], `ema/${name}`);
          },
        ),
        mergeMap((event): (E | ChangeOf<A>)[] => {
          const value = metric.of(event);
          if (value === undefined) return [event];
          const share = weight.at(event.globalStep);
          valuesOf(event, name, value).forEach((each) => include(each, share, event.globalStep));
          const averaged = { ...event, ema: { ...(event as StepEvent).ema, [name]: averageOf(average) } };
          return [...(changeEvents(event, weight.apply(share)) as ChangeOf<A>[]), averaged];
        }),
      );
    });
}

/** What an event adds to the average, `value` being its own: what each of its micro-batches gave, if they have it. */
function valuesOf(event: TrainingEvent, name: string, value: number): number[] {
  if (event.type !== 'step' || !(name === 'loss' || name in event.metrics)) return [value];
  const weighty = event.microBatches.filter(({ weight }) => weight > 0);
  return weighty.map(({ loss, metrics }) => (name === 'loss' ? loss : metrics[name]!));
}

function assertShare(value: number, label: string): void {
  if (!(value > 0 && value <= 1)) throw new ArgumentError(`${label} must be above 0 and at most 1, received ${value}`);
}
