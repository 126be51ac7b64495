import type { TrainingEvent } from '../core/events.js';

/**
 * The numbers of an event by their names, `training/loss` beside `validation/loss` and `ema/loss`: what trackers draw over the global step.
 *
 * Events without numbers to draw have none.
 */
export function scalarsOf(event: TrainingEvent): Readonly<Record<string, number>> {
  if (event.type === 'validation') {
    const { loss, metrics, ema, weights } = event;
    const group = weights === 'averaged' ? 'validation-averaged' : 'validation';
    return { ...within(group, { loss, ...metrics }), ...within('ema', ema) };
  }
  if (event.type !== 'step') return {};
  const { loss, metrics, ema, epoch, learningRate, gradientNorm, samplesPerSecond } = event;
  return {
    ...within('training', { loss, ...metrics, learningRate }),
    ...(gradientNorm !== undefined && { 'training/gradientNorm': gradientNorm }),
    ...(samplesPerSecond !== undefined && { 'training/samplesPerSecond': samplesPerSecond }),
    ...within('ema', ema),
    epoch,
  };
}

function within(group: string, values: Readonly<Record<string, number>>): Record<string, number> {
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [`${group}/${name}`, value]));
}
