import type { TrainingEvent } from '../../src/core/events.js';

/** What trackers are to show of an event, named by hand: of the events of the contract, which have one metric and one average. */
export function shownOf(event: TrainingEvent): Record<string, number> {
  const all: Record<string, number | undefined> = {};
  if (event.type === 'validation') {
    all['validation/loss'] = event.loss;
    all['validation/accuracy'] = event.metrics['accuracy'];
    all['ema/validation.loss'] = event.ema['validation.loss'];
  }
  if (event.type === 'step') {
    all['training/loss'] = event.loss;
    all['training/accuracy'] = event.metrics['accuracy'];
    all['training/learningRate'] = event.learningRate;
    all['training/gradientNorm'] = event.gradientNorm;
    all['training/samplesPerSecond'] = event.samplesPerSecond;
    all['ema/loss'] = event.ema['loss'];
    all['epoch'] = event.epoch;
  }
  return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined)) as Record<string, number>;
}
