/** Why a run has ended. */
export type EndReason =
  | { readonly reason: 'epochs' | 'steps' | 'until' | 'duration' }
  /** `stopEarly`: the best value of the metric, and after which global step it was seen; NaN and 0 if there was no finite one. */
  | { readonly reason: 'earlyStop'; readonly metric: string; readonly best: number; readonly bestStep: number }
  /** `untilMetric`: the value that was good enough. */
  | { readonly reason: 'metric'; readonly metric: string; readonly value: number };
