import type { MicroBatchValues } from './events.js';
import type { Reducer } from './metric.js';
import { summarize } from './summarize.js';

/** The i-th micro-batches of all replicas as one, each metric reduced as it declares. */
export function mergeResults(
  results: readonly (readonly MicroBatchValues[])[],
  reducers: Readonly<Record<string, Reducer>>,
): MicroBatchValues[] {
  const count = Math.max(0, ...results.map(({ length }) => length));
  return Array.from({ length: count }, (_, i) => {
    const column = results.flatMap((each) => each[i] ?? []);
    return { ...summarize(column, reducers), weight: column.reduce((sum, { weight }) => sum + weight, 0) };
  });
}
