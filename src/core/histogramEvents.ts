import type { HistogramEvent } from './events.js';
import type { Histogram } from './histogram.js';
import { RUN, type InRun } from './run.js';

/** Histograms as events of a step. */
export function histogramEvents(
  { globalStep, epoch, [RUN]: run }: InRun & { readonly globalStep: number; readonly epoch: number },
  histograms: readonly Histogram[] = [],
): HistogramEvent[] {
  return histograms.map((each) => ({ type: 'histogram', globalStep, epoch, ...each, ...(run && { [RUN]: run }) }));
}
