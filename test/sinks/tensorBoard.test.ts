import { mkdtempSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { describe, expect, it } from 'vitest';

import type { TrainingEvent } from '../../src/core/events.js';
import { tensorBoard } from '../../src/sinks/tensorBoard.js';
import { sinkContract } from './contract.js';
import { shownIn, type Shown, type TagValue } from './eventFiles.js';
import { freshFile } from './freshFile.js';

const RUNS = ['train', 'validation', 'validation-averaged'];

/** What TensorBoard is to show of events: by run and tag, the steps and values in float32. */
function shown(events: readonly TrainingEvent[]): Shown {
  const all: Shown = {};
  for (const event of events) {
    const put = (run: string, tag: string, value: TagValue | undefined): void => {
      if (value === undefined) return;
      const float = typeof value === 'number' ? Math.fround(value) : value;
      ((all[run] ??= {})[tag] ??= []).push([event.globalStep, float]);
    };
    const numbers = (run: string, given: Readonly<Record<string, number | undefined>>): void =>
      Object.entries(given).forEach(([tag, value]) => put(run, tag, value));
    if (event.type === 'step') {
      const { loss, metrics, learningRate, gradientNorm, samplesPerSecond, ema, nonFinite } = event;
      numbers('train', { loss, ...metrics, learningRate, gradientNorm, samplesPerSecond });
      Object.entries(ema).forEach(([name, value]) => put('train', `ema/${name}`, value));
      if (nonFinite)
        put('train', 'events/nonFinite', ['text', `${nonFinite.what}: the step was ${nonFinite.action}`]);
    }
    if (event.type === 'validation') {
      const run = event.weights ? 'validation-averaged' : 'validation';
      numbers(run, { loss: event.loss, ...event.metrics });
      Object.entries(event.ema).forEach(([name, value]) => put(run, `ema/${name.slice('validation.'.length)}`, value));
    }
    if (event.type === 'change')
      put('train', `events/change/${event.what}`, ['text', `${event.from} → ${event.to}`]);
    if (event.type === 'checkpoint')
      put('train', 'events/checkpoint', ['text', `\`${event.name}\` (${event.reason}${event.best ? ', the best so far' : ''})`]); // prettier-ignore
    if (event.type === 'end') put('train', 'events/end', ['text', event.reason]);
  }
  return all;
}

/** Without what a run says of its failure, which no event does. */
function withoutErrors(all: Shown): Shown {
  const { 'events/error': _, ...train } = all['train'] ?? {};
  return { ...all, ...(all['train'] && { train }) };
}

sinkContract('tensorBoard', {
  make: () => {
    const { path, ...place } = freshFile('run');
    return { ...place, sink: () => tensorBoard(path), read: () => withoutErrors(shownIn(path, RUNS)) };
  },
  holds: shown,
});
