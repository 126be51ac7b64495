import { PassThrough } from 'node:stream';

import { concat, from, lastValueFrom, NEVER, of, throwError } from 'rxjs';
import { beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';

import { tee } from '../../operators/tee.js';
import { ArgumentError } from '../../src/core/errors.js';
import type { TrainingEvent } from '../../src/core/events.js';
import { progressBar, type ProgressBarOptions } from '../../src/sinks/progressBar.js';
import { stepEvent, validationEvent } from '../../src/testing/steps.js';
import { terminal } from '../support/terminal.js';
import { sinkContract } from './contract.js';

/** What is to be read of a run in which no two seconds pass: the first step, the last, and every validation behind its step. */
function plainLines(events: readonly TrainingEvent[]): string[] {
  let waiting: string | undefined;
  const lines: string[] = [];
  const flush = (): void => {
    if (waiting !== undefined) lines.push(waiting);
  };
  for (const event of events) {
    if (event.type === 'step') {
      const { globalStep, ema, learningRate, loss, samplesPerSecond } = event;
      const speed = samplesPerSecond === undefined ? '' : `  ${samplesPerSecond} samples/s`;
      waiting = `step ${globalStep}  loss ${(ema['loss'] ?? loss).toPrecision(4)}  lr ${Number(learningRate.toPrecision(3))}${speed}`;
      if (lines.length > 0) continue;
      flush();
      waiting = undefined;
    }
    if (event.type === 'validation') {
      flush();
      waiting = undefined;
      const { accuracy } = event.metrics;
      lines.push(`step ${event.globalStep}  validation  loss ${event.loss.toPrecision(4)}  accuracy ${accuracy!.toPrecision(4)}`); // prettier-ignore
    }
  }
  flush();
  return lines;
}

/** Lines of the newest of several runs, each of which begins with its first step. */
const newest = (lines: readonly string[]) => lines.slice(lines.findLastIndex((line) => /^step 1 .*lr/.test(line)));

sinkContract('progressBar in a pipe', {
  make: () => {
    const stream = new PassThrough({ encoding: 'utf8' });
    let text = '';
    const read = (): string[] => {
      text += (stream.read() as string | null) ?? '';
      return newest(text.trimEnd().split('\n'));
    };
    return { sink: () => progressBar({ stream: stream as unknown as NodeJS.WriteStream }), read };
  },
  holds: plainLines,
  goesOn: false,
});

sinkContract('progressBar on a terminal', {
  make: () => {
    const { stream, lines } = terminal();
    const ofNewest = (all: readonly string[]) =>
      all.slice(all.slice(0, -1).findLastIndex((line) => line.includes('lr')) + 1);
    return { sink: () => progressBar({ stream }), read: async () => ofNewest(await lines()) };
  },
  // Every validation, and below them the newest step alone.
  holds: (events) => {
    const lines = plainLines(events);
    const [steps, validations] = [
      lines.filter((line) => line.includes('lr')),
      lines.filter((line) => !line.includes('lr')),
    ];
    return [...validations, ...steps.slice(-1)];
  },
  goesOn: false,
});

const first = stepEvent(1, { loss: 2, samples: 64, samplesPerSecond: 1000, ema: { accuracy: 0.1, loss: 2.345678 } });
const last = stepEvent(200, { loss: 0.5, samples: 64, learningRate: 0.00012345 });
const validation = validationEvent(100, { loss: 0.25, metrics: { accuracy: 0.9512345 } });
const end: TrainingEvent = { type: 'end', globalStep: 200, epoch: 1, reason: 'epochs' };

const run = (events: readonly TrainingEvent[], options: ProgressBarOptions) =>
  lastValueFrom(from(events).pipe(tee(progressBar(options))));

async function printed(events: readonly TrainingEvent[], options: ProgressBarOptions = {}): Promise<string[]> {
  const stream = new PassThrough({ encoding: 'utf8' });
  await run(events, { ...options, stream: stream as unknown as NodeJS.WriteStream });
  return (stream.read() as string).trimEnd().split('\n');
}

describe('progressBar', () => {
  beforeEach(() => {
    vi.useFakeTimers({ toFake: ['performance'] });
    onTestFinished(() => void vi.useRealTimers());
  });

  it('prints plain lines where there is no terminal: the first, the last, every validation', async () => {
    expect(await printed([first, stepEvent(2), validation, last, end], { steps: 200 })).toStrictEqual([
      'step   1/200  loss 2.346  lr 0.1  1000 samples/s  0:13 left',
      'step   2/200  loss 0.000  lr 0.1',
      'step 100  validation  loss 0.2500  accuracy 0.9512',
      'step 200/200  loss 0.5000  lr 0.000123',
    ]);
  });

  it('prints the newest once in 2 s', async () => {
    const stream = new PassThrough({ encoding: 'utf8' });
    const bar = progressBar({ stream: stream as unknown as NodeJS.WriteStream });
    for (let globalStep = 1; globalStep <= 50; globalStep++) {
      void bar.next(stepEvent(globalStep));
      vi.advanceTimersByTime(100);
    }

    const lines = (stream.read() as string).trimEnd().split('\n');
    expect(lines.map((line) => line.split('  ')[0])).toStrictEqual(['step 1', 'step 21', 'step 41']);
  });

  it('knows neither a bar nor a time left without the number of steps', async () => {
    expect(await printed([first])).toStrictEqual(['step 1  loss 2.346  lr 0.1  1000 samples/s']);
  });

  it('says hours where it takes hours', async () => {
    expect((await printed([first], { steps: 60_000 }))[0]).toMatch(/ {2}1:04:00 left$/);
  });

  it('learns from the first epoch how many steps there are, and ends with whichever comes first', async () => {
    const steps = [1, 2, 3, 4, 5, 6].map((s) => stepEvent(s, { epoch: Math.ceil(s / 3) }));
    const between = steps.flatMap((event) => [event, validationEvent(event.globalStep)]);
    const lengths = async (options: ProgressBarOptions) =>
      (await printed(between, options)).filter((line) => line.includes('lr')).map((line) => line.split('  loss')[0]);

    expect(await lengths({ epochs: 4 })).toStrictEqual([
      ...['epoch 1/4  step 1', 'epoch 1/4  step 2', 'epoch 1/4  step 3'],
      ...['epoch 2/4  step  4/12', 'epoch 2/4  step  5/12', 'epoch 2/4  step  6/12'],
    ]);
    expect((await lengths({ epochs: 4, steps: 11 })).at(-1)).toBe('epoch 2/4  step  6/11');
    expect((await lengths({ epochs: 4, steps: 13 })).at(-1)).toBe('epoch 2/4  step  6/12');
  });

  it('draws one line over itself on a terminal, with validations above it, and never hides the cursor', async () => {
    const { stream, lines, written } = terminal();
    await run([first, stepEvent(50), validation, last, end], { steps: 200, stream });

    expect(await lines()).toStrictEqual([
      'step 100  validation  loss 0.2500  accuracy 0.9512',
      'step 200/200  ▕████████████████████████▏ 100 %  loss 0.5000  lr 0.000123',
    ]);
    expect(await written()).not.toContain('\u001b[?25l');
  });

  it('draws eighths of the bar', async () => {
    const { stream, lines } = terminal();
    await run([stepEvent(51)], { steps: 100, stream });

    expect((await lines())[0]).toContain('▕████████████▎           ▏  51 %');
  });

  it('redraws ten times a second at most', async () => {
    const { stream, written } = terminal();
    const bar = progressBar({ stream });
    for (let globalStep = 1; globalStep <= 1000; globalStep++) {
      void bar.next(stepEvent(globalStep));
      vi.advanceTimersByTime(1);
    }

    expect((await written()).match(/step \d+/g)).toHaveLength(10);
  });

  it.each([
    [78, 'step   1/200  ▕▏   0 %  loss 2.346  lr 0.1  1000 samples/s  0:13 left'.replace('▕', `▕${''.padEnd(9)}`)],
    [70, 'step   1/200  loss 2.346  lr 0.1  1000 samples/s  0:13 left'],
    [40, 'step   1/200  loss 2.346  lr 0.1  1000 s'],
  ])('fits a terminal of %i columns', async (columns, line) => {
    const { stream, lines } = terminal(columns);
    await run([{ ...first, globalStep: 1 }], { steps: 200, stream });

    expect(await lines()).toStrictEqual([line]);
  });

  it('leaves nothing behind when the terminal becomes narrower, and then wider', async () => {
    const { stream, lines, resize } = terminal(100);
    const bar = progressBar({ steps: 200, stream });
    bar.print('begun');
    void bar.next(first);
    await resize(30);
    vi.advanceTimersByTime(100);
    void bar.next({ ...first, globalStep: 2 });
    expect(await lines()).toStrictEqual(['begun', 'step   2/200  loss 2.346  lr 0']);
    await resize(20);
    void bar.next(validationEvent(2));
    expect(await lines()).toStrictEqual(['begun', 'step 2  validation  ', 'loss 0.000', 'step   2/200  loss 2']);
    await resize(100);
    void bar.complete?.();

    expect((await lines()).at(-1)).toMatch(/^step {3}2\/200 {2}loss 2/);
  });

  it.each([
    ['completes', of(end)],
    ['fails', throwError(() => new Error('broken'))],
    ['is unsubscribed', NEVER],
  ])('shows the newest step when the run %s, and leaves the terminal to whoever comes next', async (_, after$) => {
    const { stream, lines } = terminal();
    const running = concat(of(first, stepEvent(2)), after$)
      .pipe(tee(progressBar({ stream })))
      .subscribe({ error: () => undefined });
    running.unsubscribe();
    stream.write('next\n');

    expect(await lines()).toStrictEqual(['step 2  loss 0.000  lr 0.1', 'next']);
  });

  it.each([{ steps: 0 }, { epochs: 1.5 }])('refuses %j', (options) => {
    expect(() => progressBar(options)).toThrow(ArgumentError);
  });
});
