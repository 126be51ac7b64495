import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import fc from 'fast-check';
import { concat, concatMap, delay, from, lastValueFrom, of, tap, throwError } from 'rxjs';
import { describe, expect, it, onTestFinished, vi } from 'vitest';

import { tee, type Sink } from '../../operators/tee.js';
import { ArgumentError } from '../../src/core/errors.js';
import type { StepEvent, TrainingEvent } from '../../src/core/events.js';
import { pngImages } from '../../src/sinks/pngImages.js';
import { tensorBoard } from '../../src/sinks/tensorBoard.js';
import { stepEvent, validationEvent } from '../../src/testing/steps.js';
import { sinkContract } from './contract.js';
import { recordsOf, shownIn } from './eventFiles.js';
import { freshFile } from './freshFile.js';
import { anyRun, RUNS, shown, type Shown } from './shown.js';

/** What Python's TensorBoard writes for the same (protocol buffers and RecordWriter of tensorboard 2.21): the version, a start at step 3, and the text. */
const GOLDEN =
  'GAAAAAAAAACjf0siCQAAEACE19dBGg1icmFpbi5FdmVudDoy2trSMg8AAAAAAAAAbVMrCQkAABAAhNfXQRADOgIIAfUnQ4QsAAAAAAAAAPSuzEUJAAAQAITX10EQAyofCh0KA2EvYkIKCAcSAEIEKsOkKkoKCgYKBHRleHQgAqNp1tA=';

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

const step = (globalStep: number, differing: Parameters<typeof stepEvent>[1] = {}): StepEvent =>
  stepEvent(globalStep, { loss: 1 / globalStep, ...differing });

/** A folder that goes with the test. */
function freshFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'gradstream-tb-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

const filesIn = (folder: string): string[] => readdirSync(folder).sort();

describe('tensorBoard', () => {
  it('writes what TensorFlow would have written, byte by byte', () => {
    const folder = freshFolder();
    vi.useFakeTimers({ now: 1_600_000_000_250 });
    const sink = tensorBoard(folder);
    void sink.next({ type: 'text', globalStep: 3, epoch: 1, name: 'a/b', text: '*ä*' });
    void sink.complete?.();
    vi.useRealTimers();

    const [file] = filesIn(join(folder, 'train'));
    expect(readFileSync(join(folder, 'train', file!)).toString('base64')).toBe(GOLDEN);
  });

  it('keeps 0, which protocol buffers leave out where they can', async () => {
    const folder = freshFolder();
    await run([step(1, { loss: 0, metrics: { zero: -0 } })], tensorBoard(folder));

    expect(shownIn(folder, RUNS)['train']).toMatchObject({ loss: [[1, 0]], zero: [[1, -0]] });
  });

  it('shows any run as it was, cut off and gone on with anywhere', async () => {
    await fc.assert(
      fc.asyncProperty(anyRun, fc.nat(), fc.nat(), fc.nat(200), async (events, cut, back, torn) => {
        const folder = mkdtempSync(join(tmpdir(), 'gradstream-tb-'));
        try {
          const ended = cut % (events.length + 1);
          // A checkpoint at the end of a step; what it holds has been flushed, and a torn tail is behind it.
          const goesOnAt = events.findIndex(({ globalStep }) => globalStep > (events[back % events.length]!.globalStep % (ended + 1))); // prettier-ignore
          const from = Math.min(goesOnAt === -1 ? events.length : goesOnAt, ended);
          const begin = events.findIndex(({ globalStep }) => globalStep === events[from]?.globalStep);
          const kept = begin === -1 ? from : begin;
          const first = tensorBoard(folder, { flushMs: 0 });
          events.slice(0, kept).forEach((event) => void first.next(event));
          const sizes = sizesIn(folder);
          events.slice(kept, ended).forEach((event) => void first.next(event));
          tear(folder, sizes, torn);
          await run(events.slice(kept), tensorBoard(folder));

          expect(shownIn(folder, RUNS)).toStrictEqual(shown(events));
        } finally {
          rmSync(folder, { recursive: true });
        }
      }),
      { numRuns: 60 },
    );
  });

  it('reads a file that was cut at any byte up to its last whole record', async () => {
    const folder = freshFolder();
    await run([step(1), step(2), step(3)], tensorBoard(folder));
    const [name] = filesIn(join(folder, 'train'));
    const whole = readFileSync(join(folder, 'train', name!));
    const counts = Array.from({ length: whole.length + 1 }, (_, length) => recordsOf(whole.subarray(0, length)).length);

    expect(counts.at(-1)).toBe(5); // the version, the start, and three steps
    expect([...counts].sort((a, b) => a - b)).toStrictEqual(counts);
  });

  it('names a further file so that it is read after those that are there, whatever the clock says', async () => {
    const folder = freshFolder();
    for (const now of [1_600_000_000_000, 1_600_000_000_900, 1_500_000_000_000]) {
      vi.useFakeTimers({ now });
      const sink = tensorBoard(folder);
      void sink.next(step(1, { loss: now }));
      void sink.complete?.();
    }
    vi.useRealTimers();

    expect(filesIn(join(folder, 'train')).map((name) => name.split('.')[3])).toStrictEqual(['1600000000', '1600000001', '1600000002']); // prettier-ignore
    expect(shownIn(folder, RUNS)['train']?.['loss']).toStrictEqual([[1, Math.fround(1_500_000_000_000)]]);
  });

  it('forgets validations that will be made again as soon as the run goes on', async () => {
    const folder = freshFolder();
    await run([step(1), step(2), validationEvent(2)], tensorBoard(folder));
    await run([step(2)], tensorBoard(folder));

    expect(shownIn(folder, ['validation'])).toStrictEqual({});
  });

  it('keeps what a finished run has shown when it is started again, and only ends', async () => {
    const folder = freshFolder();
    const end: TrainingEvent = { type: 'end', globalStep: 2, epoch: 1, reason: 'steps' };
    await run([step(1), step(2), validationEvent(2), end], tensorBoard(folder));
    await run([end], tensorBoard(folder));

    const { train, validation } = shownIn(folder, RUNS);
    expect(train!['loss']).toHaveLength(2);
    expect(train!['events/end']).toHaveLength(1);
    expect(validation!['loss']).toHaveLength(1);
  });

  describe('flushes', () => {
    const written = (folder: string): unknown => shownIn(folder, ['train'])['train']?.['loss']?.map(([at]) => at);

    it('after a second, at a checkpoint, at the end, and at 0 at once', () => {
      vi.useFakeTimers();
      onTestFinished(() => void vi.useRealTimers());
      const folder = freshFolder();
      const sink = tensorBoard(folder);
      void sink.next(step(1));
      vi.advanceTimersByTime(999);
      expect(written(folder)).toBeUndefined();
      vi.advanceTimersByTime(1);
      expect(written(folder)).toStrictEqual([1]);
      void sink.next(step(2));
      void sink.next({ type: 'checkpoint', globalStep: 2, epoch: 1, name: 'c', reason: 'steps', best: false, skipped: 0 }); // prettier-ignore
      expect(written(folder)).toStrictEqual([1, 2]);
      void sink.next(step(3));
      sink.unsubscribe?.();
      expect(written(folder)).toStrictEqual([1, 2, 3]);
      expect(vi.getTimerCount()).toBe(0);

      const eager = freshFolder();
      void tensorBoard(eager, { flushMs: 0 }).next(step(1));
      expect(written(eager)).toStrictEqual([1]);
    });

    it('in time where a busy loop leaves timers no turn, and when much waits', () => {
      vi.useFakeTimers();
      onTestFinished(() => void vi.useRealTimers());
      const folder = freshFolder();
      const sink = tensorBoard(folder);
      void sink.next(step(1));
      vi.setSystemTime(Date.now() + 1000);
      void sink.next(step(2));
      expect(written(folder)).toStrictEqual([1, 2]);
      void sink.next(step(3));
      void sink.next({ type: 'text', globalStep: 3, epoch: 1, name: 'long', text: 'x'.repeat(2 ** 20) });
      expect(written(folder)).toStrictEqual([1, 2, 3]);
    });
  });

  it('ends the run if a file cannot be written, also if a timer finds out', async () => {
    for (const flushMs of [0, 5]) {
      const folder = freshFolder();
      const steps$ = from([step(1), step(2), step(3)]).pipe(concatMap((each) => of(each).pipe(delay(30))));
      const spoil = tap(({ globalStep }: StepEvent) => {
        if (globalStep !== 2) return;
        rmSync(join(folder, 'train'), { recursive: true });
        writeFileSync(join(folder, 'train'), '');
      });
      const run$ = steps$.pipe(spoil, tee<TrainingEvent>(tensorBoard(folder, { flushMs })));

      await expect(lastValueFrom(run$)).rejects.toMatchObject({ name: 'SinkError', message: expect.stringContaining(`step ${flushMs ? 3 : 2}`) as string }); // prettier-ignore
    }
  });

  it('says in the HPARAMS tab how the run ended, once', async () => {
    const folder = freshFolder();
    const hyperParameters = { learningRate: 0.1, optimizer: { name: 'adam', amsgrad: false }, layers: [3, 2], none: null, limit: Infinity }; // prettier-ignore
    const failing$ = throwError(() => new Error('lost'));
    await lastValueFrom(concat(of(step(1)), failing$).pipe(tee(tensorBoard(folder, { hyperParameters })))).catch(
      () => 0,
    );
    expect(Object.keys(shownIn(folder, [''])['']!)).toStrictEqual(['_hparams_/session_start_info', '_hparams_/session_end_info']); // prettier-ignore
    expect(shownIn(folder, ['train'])['train']!['events/error']).toStrictEqual([[1, ['text', 'lost']]]);
    await run([step(2)], tensorBoard(folder, { hyperParameters }));

    expect(filesIn(folder).filter((name) => name.includes('tfevents'))).toHaveLength(1);
    expect(shownIn(folder, [''])['']!['_hparams_/session_end_info']).toHaveLength(1);
  });

  it('refuses what can never be valid', () => {
    expect(() => tensorBoard('')).toThrow(ArgumentError);
    expect(() => tensorBoard('a', { flushMs: -1 })).toThrow('tensorBoard: flushMs must be at least 0, received -1');
    const hyperParameters = { schedule: (() => 1) as never };
    expect(() => tensorBoard('a', { hyperParameters })).toThrow('received function as schedule');
  });

  it('refuses images that are none, and of several sizes', async () => {
    const [small, wide] = [[1, 1], [1, 2]].map(([h, w]) => pngImages({ data: new Float32Array(h! * w!), shape: [1, h!, w!, 1] })[0]!); // prettier-ignore
    const image = (images: string[]): TrainingEvent => ({ type: 'image', globalStep: 1, epoch: 1, name: 'i', images });
    const failing = (images: string[]) => run([image(images)], tensorBoard(freshFolder()));

    await expect(failing([small!, wide!])).rejects.toThrow('of one size, received 1×1 and, as number 1, 2×1');
    await expect(failing(['data:image/png;base64,AAAA'])).rejects.toThrow("images of 'i'[0] must be a PNG");
    await expect(failing([])).rejects.toThrow('at least one image');
  });
});

async function run(events: readonly TrainingEvent[], sink: Sink<TrainingEvent>): Promise<void> {
  await lastValueFrom(from(events).pipe(tee(sink)), { defaultValue: undefined });
}

function sizesIn(folder: string): Map<string, number> {
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).map((name) => join(folder, name));
  return new Map(files.filter((file) => statSync(file).isFile()).map((file) => [file, statSync(file).size]));
}

/** Cuts bytes off the end of the files, but none of those that were there before. */
function tear(folder: string, before: Map<string, number>, bytes: number): void {
  for (const [file, size] of sizesIn(folder)) truncateSync(file, Math.max(before.get(file) ?? 0, size - bytes));
}
