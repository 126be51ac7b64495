import { averageNext, averageOf, emptyAverage, type MovingAverage } from '../core/movingAverage.js';
import { numbers, type Numbers } from './numbers.js';

/** The moving averages of one run's micro-batch losses, by alpha, one value a step: what `ema('loss', { alpha })` adds to it. */
export interface Averages {
  /** Up to the newest step; what has been averaged before is not again. */
  of(alpha: number): { readonly column: Numbers; readonly state: MovingAverage };
  forget(): void;
}

/** How many alphas are remembered. */
const REMEMBERED = 4;

/**
 * @param losses - Of every micro-batch that weighs something.
 * @param ends - How many of them there were by the end of each step.
 */
export function averages(losses: Numbers, ends: Numbers): Averages {
  const known = new Map<number, { readonly column: Numbers; state: MovingAverage; seen: number }>();
  return {
    of: (alpha) => {
      const average = known.get(alpha) ?? { column: numbers(), state: emptyAverage, seen: 0 };
      known.delete(alpha);
      known.set(alpha, average); // now the newest
      if (known.size > REMEMBERED) known.delete(known.keys().next().value!);
      while (average.column.length < ends.length) {
        for (const end = ends.at(average.column.length); average.seen < end; average.seen++) {
          const loss = losses.at(average.seen);
          if (Number.isFinite(loss)) average.state = averageNext(average.state, loss, alpha, false);
        }
        average.column.push(averageOf(average.state));
      }
      return average;
    },
    forget: () => known.clear(),
  };
}
