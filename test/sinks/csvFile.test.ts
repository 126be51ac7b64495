import { readFileSync } from 'node:fs';

import type { TrainingEvent } from '../../src/core/events.js';
import { csvFile } from '../../src/sinks/csvFile.js';
import { sinkContract } from './contract.js';
import { freshFile } from './freshFile.js';

sinkContract('csvFile', {
  make: () => {
    const { path, ...place } = freshFile('steps.csv');
    return { ...place, sink: () => csvFile(path), read: () => records(readFileSync(path, 'utf8')) };
  },
  holds: (events) => rowsOf(events),
});

/** The fields that are filled, by column. */
function records(text: string): Record<string, string>[] {
  const [header, ...rows] = text.trimEnd().split('\n').map((row) => row.split(',')); // prettier-ignore
  return rows.map((row) => Object.fromEntries(row.flatMap((field, i) => (field === '' ? [] : [[header![i]!, field]]))));
}

function rowsOf(events: readonly TrainingEvent[]): Record<string, string>[] {
  const rows = new Map<number, Record<string, string>>();
  const put = (globalStep: number, values: Record<string, number | undefined>): void => {
    const row = rows.get(globalStep) ?? {};
    rows.set(globalStep, row);
    for (const [name, value] of Object.entries(values)) if (value !== undefined) row[name] = String(value);
  };
  for (const event of events) {
    const { type, globalStep, epoch } = event;
    if (type === 'step')
      put(globalStep, {
        globalStep,
        epoch,
        microStep: event.microStep,
        samples: event.samples,
        learningRate: event.learningRate,
        loss: event.loss,
        gradientNorm: event.gradientNorm,
        samplesPerSecond: event.samplesPerSecond,
        accuracy: event.metrics['accuracy'],
        'ema.loss': event.ema['loss'],
      });
    if (type === 'validation')
      put(globalStep, {
        globalStep,
        epoch,
        'validation.loss': event.loss,
        'validation.accuracy': event.metrics['accuracy'],
        'validation.samples': event.samples,
        'ema.validation.loss': event.ema['validation.loss'],
      });
  }
  return [...rows.values()];
}
