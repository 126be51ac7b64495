/** How numbers are spread. */
export interface Histogram {
  /** Of what: `weights/dense/kernel`, `gradients/dense/kernel`. */
  readonly name: string;
  /** Where bins begin and end, one more than there are bins; from the smallest number to the largest. Empty if there is no finite number. */
  readonly edges: readonly number[];
  /** How many numbers lie in each bin. The last one has its upper edge, too. */
  readonly counts: readonly number[];
  readonly sum: number;
  readonly sumOfSquares: number;
  /** How many are NaN or infinite; they are in no bin. */
  readonly nonFinite: number;
}

/** As many as TensorBoard draws. */
const BINS = 30;

/**
 * The histogram of some numbers, in bins of equal width.
 *
 * Numbers that are all the same have one bin without width. Two passes over the numbers, whatever the number of bins.
 */
export function histogramOf(name: string, values: ArrayLike<number>): Histogram {
  let [least, most] = [Infinity, -Infinity];
  let [sum, sumOfSquares, nonFinite] = [0, 0, 0];
  for (let i = 0; i < values.length; i++) {
    const value = values[i]!;
    if (!Number.isFinite(value)) {
      nonFinite += 1;
      continue;
    }
    if (value < least) least = value;
    if (value > most) most = value;
    sum += value;
    sumOfSquares += value * value;
  }
  const finite = values.length - nonFinite;
  if (finite === 0) return { name, edges: [], counts: [], sum, sumOfSquares, nonFinite };
  if (least === most) return { name, edges: [least, most], counts: [finite], sum, sumOfSquares, nonFinite };

  const counts = new Array<number>(BINS).fill(0);
  const width = (most - least) / BINS;
  for (let i = 0; i < values.length; i++) {
    const value = values[i]!;
    if (Number.isFinite(value)) counts[Math.min(BINS - 1, Math.floor((value - least) / width))]! += 1;
  }
  const edges = Array.from({ length: BINS }, (_, bin) => least + bin * width);
  return { name, edges: [...edges, most], counts, sum, sumOfSquares, nonFinite };
}
