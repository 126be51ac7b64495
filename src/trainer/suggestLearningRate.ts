import type { RangeTestPoint } from './learningRateRangeTest.js';

/**
 * The learning rate at which the smoothed loss of a range test falls fastest; undefined, if it falls nowhere.
 *
 * It is read off the curve as one would by eye: where it is steepest, over the logarithm of the rate, and before its lowest point.
 *
 * ```text
 * loss:   ‾‾‾‾‾‾\
 *                \          /
 *                 \________/
 * rate:   1e-6   ^1e-3     1
 * ```
 *
 * The first tenth of the points is left out, since there the average still jumps, and the last, which may have diverged; so are losses that are not finite.
 *
 * @example
 * ```ts
 * learningRateRangeTest(model, batches, { loss: mse, optimizer: adam() })
 *   .pipe(toArray(), map(suggestLearningRate))
 *   .subscribe(console.log);
 * ```
 *
 * @param points - All of a {@link learningRateRangeTest}, in order.
 * @see `suggestion` of Lightning's learning-rate finder, and `steep` of fastai's.
 */
export function suggestLearningRate(points: readonly RangeTestPoint[]): number | undefined {
  const finite = points.filter(({ smoothed }) => Number.isFinite(smoothed));
  const used = finite.slice(Math.floor(finite.length / 10), -1);
  const lowest = used.reduce((best, { smoothed }, i) => (smoothed < used[best]!.smoothed ? i : best), 0);
  let steepest: { readonly slope: number; readonly learningRate: number } | undefined;
  for (let i = 1; i < lowest; i++) {
    const [before, here, after] = [used[i - 1]!, used[i]!, used[i + 1]!];
    const slope = (after.smoothed - before.smoothed) / Math.log(after.learningRate / before.learningRate);
    if (slope < (steepest?.slope ?? 0)) steepest = { slope, learningRate: here.learningRate };
  }
  return steepest?.learningRate;
}
