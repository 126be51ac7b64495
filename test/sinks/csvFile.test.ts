import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';

import { from, lastValueFrom } from 'rxjs';
import { afterEach, describe, expect, it } from 'vitest';

import { tee } from '../../operators/tee.js';
import type { TrainingEvent } from '../../src/core/events.js';
import { SinkError } from '../../src/core/sinkError.js';
import { csvFile } from '../../src/sinks/csvFile.js';
import { stepEvent, validationEvent } from '../../src/testing/steps.js';
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

const HEADER = 'globalStep,epoch,microStep,samples,learningRate,loss\n';
const rowOf = (n: number): string => `${n},1,${n},1,0.1,${1 / n}\n`;
const run = (path: string, ...steps: readonly number[]): Promise<TrainingEvent> =>
  lastValueFrom(from(steps.map((n) => stepEvent(n, { loss: 1 / n }))).pipe(tee(csvFile(path))));

describe('csvFile, where there is a file', () => {
  const places: (() => void)[] = [];
  afterEach(() => places.splice(0).forEach((dispose) => dispose()));
  const fileOf = (text: string): string => {
    const { path, dispose } = freshFile('steps.csv');
    places.push(dispose);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, text);
    return path;
  };

  it.each([
    ['nothing', '', 1],
    ['a torn header', 'globalSt', 1],
    ['a header', HEADER, 1],
    ['a torn row', `${HEADER}${rowOf(1)}2,1,2,1,0.`, 2],
    ['the rest of a longer row', `${HEADER}${rowOf(1)}${rowOf(2)}33333\n`, 3],
    ['a row that comes again', `${HEADER}${rowOf(1)}${rowOf(2)}${rowOf(3)}`, 2],
    ['a run that starts over', `${HEADER}${rowOf(1)}${rowOf(2)}`, 1],
  ])('goes on from %s', async (_, text, first) => {
    const path = fileOf(text);
    await run(path, first, first + 1);
    const steps = Array.from({ length: first + 1 }, (_, i) => i + 1);

    expect(readFileSync(path, 'utf8')).toBe(HEADER + steps.map(rowOf).join(''));
  });

  it('adds a column when a value comes that has none, and fills the row of its step', async () => {
    const path = fileOf(`${HEADER}${rowOf(1)}${rowOf(2)}`);
    await lastValueFrom(from([validationEvent(2, { loss: 7, samples: 3 })]).pipe(tee(csvFile(path))));

    expect(readFileSync(path, 'utf8')).toBe(
      `${HEADER.trimEnd()},validation.loss,validation.samples\n${rowOf(1).trimEnd()},,\n${rowOf(2).trimEnd()},7,3\n`,
    );
  });

  it('fills a row anew that becomes shorter, and leaves nothing of it behind', async () => {
    const path = fileOf('');
    const events = [stepEvent(1, { loss: 0.123456 }), stepEvent(1, { loss: 1 })];
    await lastValueFrom(from(events).pipe(tee(csvFile(path))));

    expect(readFileSync(path, 'utf8')).toBe(HEADER + rowOf(1));
  });

  it.each([
    ['another table', 'name,age\nAda,36\n', 'must be the table of a run'],
    ['a text', 'my thesis, the only copy', 'must be the table of a run'],
    ['a row that is too short', `${HEADER}1,1\n${rowOf(2)}`, 'row 2 has not: 1,1'],
    ['a row without a step', `${HEADER}${rowOf(1)},1,2,1,0.1,1\n${rowOf(3)}`, 'row 3 has not: ,1,2,1,0.1,1'],
  ])('refuses %s, and leaves the file as it is', async (_, text, problem) => {
    const path = fileOf(text);
    const failure = await run(path, 1).then(() => undefined, (error: unknown) => error as Error); // prettier-ignore

    expect(failure).toBeInstanceOf(SinkError);
    expect(failure!.message).toContain(path);
    expect(failure!.message).toContain(problem);
    expect(readFileSync(path, 'utf8')).toBe(text);
  });

  it('keeps what somebody has noted in a column of their own, as it stands', async () => {
    const header = `${HEADER.trimEnd()},note\n`;
    const path = fileOf(`${header}1,1,1,1,0.1,1,"fast, but why"\n`);
    const validation = validationEvent(1, { loss: 0.5, metrics: {} });

    await lastValueFrom(from([validation, stepEvent(2, { loss: 0.5 })]).pipe(tee(csvFile(path))));
    const [, first, second] = readFileSync(path, 'utf8').split('\n');
    expect(first).toMatch(/^1,1,1,1,0.1,1,"fast, but why",0.5,/);
    expect(second).toMatch(/^2,1,2,1,0.1,0.5,,,/);
  });
});
