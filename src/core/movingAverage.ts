/** An exponential moving average so far. */
export interface MovingAverage {
  readonly value: number;
  /** What share of the average comes from values, and not from its start: 1 once seeded, less while it is to be debiased. */
  readonly share: number;
}

/** No value yet. */
export const emptyAverage: MovingAverage = { value: 0, share: 0 };

/**
 * The average after one more value.
 *
 * `alpha` weighs the new value. The first value seeds the average; with `debias` it starts from nothing instead, and the share that it is still
 * missing is divided out (Kingma and Ba 2015, arXiv:1412.6980, section 3), so that early values all count.
 */
export function averageNext(
  { value, share }: MovingAverage,
  next: number,
  alpha: number,
  debias: boolean,
): MovingAverage {
  if (share === 0 && !debias) return { value: next, share: 1 };
  return { value: value + alpha * (next - value), share: share + alpha * (1 - share) };
}

/** What the average is, NaN before the first value. */
export function averageOf({ value, share }: MovingAverage): number {
  return share === 0 ? NaN : value / share;
}
