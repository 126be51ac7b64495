import type { TrainingEvent } from '../core/events.js';

/** A row of a table: numbers by the names that operators know them by ('loss', 'validation.accuracy'), averages as 'ema.…'. */
export type Row = Readonly<Record<string, number>>;

/** What an event says about its global step, as a part of that step's row; nothing, if it is no step and no validation. */
export function eventRow(event: TrainingEvent): Row | undefined {
  if (event.type === 'validation') {
    const { globalStep, epoch, loss, metrics, samples, ema } = event;
    return { globalStep, epoch, ...prefixed('validation.', { loss, ...metrics, samples }), ...prefixed('ema.', ema) };
  }
  if (event.type !== 'step') return undefined;
  const { globalStep, epoch, microStep, loss, samples, learningRate, metrics, gradientNorm, samplesPerSecond, ema } =
    event;
  // Filled piece by piece, without objects in between: a run waits for it.
  const row: Record<string, number> = { globalStep, epoch, microStep, samples, learningRate, loss };
  if (gradientNorm !== undefined) row['gradientNorm'] = gradientNorm;
  if (samplesPerSecond !== undefined) row['samplesPerSecond'] = samplesPerSecond;
  Object.assign(row, metrics);
  for (const name of Object.keys(ema)) row[`ema.${name}`] = ema[name]!;
  return row;
}

/** Numbers by their names behind a prefix. */
export function prefixed(prefix: string, row: Row): Row {
  return Object.fromEntries(Object.entries(row).map(([name, value]) => [prefix + name, value]));
}
