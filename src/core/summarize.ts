import type { MicroBatchValues } from './events.js';
import type { Reducer } from './metric.js';
import { weightedMean } from './weightedMean.js';

/** Loss and metrics over several micro-batches: the loss by weight, each metric as it declares. */
export function summarize(
  microBatches: readonly MicroBatchValues[],
  reducers: Readonly<Record<string, Reducer>>,
): { loss: number; metrics: Record<string, number> } {
  const weights = microBatches.map(({ weight }) => weight);
  return {
    loss: weightedMean(
      microBatches.map(({ loss }) => loss),
      weights,
    ),
    metrics: Object.fromEntries(
      Object.entries(reducers).map(([name, reduce]) => [
        name,
        reduce(
          microBatches.map(({ metrics }) => metrics[name] ?? NaN),
          weights,
        ),
      ]),
    ),
  };
}
