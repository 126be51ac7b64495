import { appendFileSync, existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, truncateSync, writeFileSync } from 'node:fs'; // prettier-ignore
import { basename, dirname, join } from 'node:path';

import { concat, from, lastValueFrom, throwError } from 'rxjs';
import { afterEach, describe, expect, it, vi } from 'vitest';

import { tee } from '../../../operators/tee.js';
import { ArgumentError } from '../../../src/core/errors.js';
import type { TrainingEvent } from '../../../src/core/events.js';
import { histogramOf } from '../../../src/core/histogram.js';
import { SinkError } from '../../../src/core/sinkError.js';
import { wandb, type WandbOptions } from '../../../src/sinks/wandb.js';
import { chunked, SIGNATURE } from '../../../src/sinks/wandb/log.js';
import { encodeRecord } from '../../../src/sinks/wandb/messages.js';
import { stepEvent, validationEvent } from '../../../src/testing/steps.js';
import { sinkContract, wholeRun } from '../contract.js';
import { freshRuns, newestFile, recordsIn, rowsIn, rowsOf } from './runs.js';

sinkContract('wandb', {
  make: () => {
    const { folder, dispose } = freshRuns();
    return { dispose, sink: () => wandb('digits', { id: 'run', folder }), read: () => rowsIn(newestFile(folder)) };
  },
  holds: rowsOf,
});

describe('wandb', () => {
  const places: (() => void)[] = [];
  afterEach(() => {
    places.splice(0).forEach((dispose) => dispose());
    vi.useRealTimers();
  });
  const runs = (): string => {
    const { folder, dispose } = freshRuns();
    places.push(dispose);
    return folder;
  };
  const run = (folder: string, events: readonly TrainingEvent[], options: WandbOptions = {}): Promise<unknown> =>
    lastValueFrom(from(events).pipe(tee(wandb('digits', { folder, ...options }))));
  const step = (globalStep: number, loss = 1 / globalStep): TrainingEvent => stepEvent(globalStep, { loss });
  const checkpoint = wholeRun.find(({ type }) => type === 'checkpoint')!;

  it.each([
    [() => wandb(''), /project must be a name/],
    [() => wandb('a/b'), /without .* received 'a\/b'/],
    [() => wandb('p'.repeat(129)), /project/],
    [() => wandb('a', { id: '' }), /id must be letters/],
    [() => wandb('a', { id: '../b' }), /received '..\/b'/],
    [() => wandb('a', { hyperParameters: { loss: (() => 1) as unknown as string } }), /wandb: hyperParameters must be .*, received function as loss/],
    [() => wandb('a', { hyperParameters: { a: { b: new Map() as unknown as string } } }), /received Map as a\.b/],
  ])('refuses what cannot be: %s', (make, message) => {
    expect(make).toThrow(ArgumentError);
    expect(make).toThrow(message);
  }); // prettier-ignore

  it('names a folder by the time and the id, as W&B does', async () => {
    vi.useFakeTimers({ now: new Date(2026, 0, 2, 3, 4, 5), toFake: ['Date'] });
    const folder = runs();
    await run(folder, [step(1)], { id: 'a-B_1' });

    expect(readdirSync(folder)).toStrictEqual(['offline-run-20260102_030405-a-B_1']);
    expect(readdirSync(join(folder, 'offline-run-20260102_030405-a-B_1'))).toStrictEqual(['run-a-B_1.wandb']);
  });

  it('is a new run each time without an id, and the same with one', async () => {
    const folder = runs();
    const sink = wandb('digits', { folder });
    for (const loss of [1, 2]) await lastValueFrom(from([step(1, loss)]).pipe(tee(sink)));
    expect(new Set(readdirSync(folder).map((name) => name.slice(28))).size).toBe(2);

    await run(folder, [step(1, 3)], { id: 'one' });
    await run(folder, [step(1, 4)], { id: 'one' });
    await run(folder, [step(1, 5)], { id: 'ne' });
    expect(readdirSync(folder)).toHaveLength(4);
  });

  it('keeps what it knows of the run, and the times of each step', async () => {
    vi.useFakeTimers({ now: 1_700_000_000_250, toFake: ['Date'] });
    const folder = runs();
    const sink = wandb('digits', {
      folder,
      run: 'first',
      id: 'a',
      tags: ['x', 'y'],
      hyperParameters: { rate: 0.1, none: undefined, deep: { bad: NaN, list: [1, 'b'], nothing: null } },
    });
    void sink.next(step(1));
    vi.setSystemTime(1_700_000_003_000);
    void sink.next(step(2));
    vi.setSystemTime(1_700_000_004_900);
    void sink.complete!();

    const [header, begun, ...others] = recordsIn(newestFile(folder));
    expect(header).toMatchObject({ header: { versionInfo: { producer: 'gradstream' } } });
    expect(begun!.run).toStrictEqual({
      runId: 'a',
      project: 'digits',
      displayName: 'first',
      tags: ['x', 'y'],
      startTime: { seconds: 1_700_000_000, nanos: 250_000_000 },
      config: {
        update: [
          { nestedKey: ['rate'], valueJson: '0.1' },
          { nestedKey: ['deep'], valueJson: '{"bad":"NaN","list":[1,"b"],"nothing":null}' },
        ],
      },
    });
    const times = others.flatMap(({ history }) => {
      const values = Object.fromEntries(history?.item.map(({ nestedKey: [key], valueJson }) => [key, valueJson]) ?? []);
      return history ? [[history.step.num, values['_step'], values['_runtime'], values['_timestamp']]] : [];
    });
    expect(times).toStrictEqual([
      [1, '1', '0', '1700000000.25'],
      [2, '2', '2.75', '1700000003'],
    ]);
    expect(others.at(-1)).toStrictEqual({ num: 8, exit: { runtime: 4 } });
  });

  it.each([
    ['completes', [], 0],
    ['fails', [throwError(() => new Error('no "more"'))], 1],
  ])('has an exit code for a run that %s', async (_, then, exitCode) => {
    const folder = runs();
    const run$ = concat(from([step(1)]), ...then).pipe(tee(wandb('digits', { folder })));
    await lastValueFrom(run$).catch(() => undefined);

    const [summary, exit] = recordsIn(newestFile(folder)).slice(-2);
    expect(exit!.exit!.exitCode ?? 0).toBe(exitCode);
    expect(summary!.summary!.update).toStrictEqual(
      exitCode ? [{ nestedKey: ['error'], valueJson: String.raw`"no \"more\""` }] : [],
    );
  });

  it('goes on in mid-step: what was validated goes, what was trained stays, in the file at once', async () => {
    const folder = runs();
    const averaged = validationEvent(2, { loss: 3, ema: { 'validation.loss': 4 } });
    await run(folder, [step(1), step(2), averaged], { id: 'a' });
    const sink = wandb('digits', { folder, id: 'a' });
    const again = validationEvent(2, { loss: 5 });
    void sink.next(again);
    expect(rowsIn(newestFile(folder))).toStrictEqual(rowsOf([step(1), step(2)]));
    void sink.complete!();
    expect(rowsIn(newestFile(folder))).toStrictEqual(rowsOf([step(1), step(2), again]));
  });

  it('goes on with what was validated before the first step', async () => {
    const folder = runs();
    const before = validationEvent(0, { loss: 3 });
    await run(folder, [before, step(1)], { id: 'a' });
    await run(folder, [step(1), step(2)], { id: 'a' });
    expect(rowsIn(newestFile(folder))).toStrictEqual(rowsOf([before, step(1), step(2)]));
  });

  it('has 255 for a run that is unsubscribed, once', () => {
    const folder = runs();
    const sink = wandb('digits', { folder });
    void sink.next(step(1));
    sink.unsubscribe!();
    sink.unsubscribe!();
    expect(recordsIn(newestFile(folder)).flatMap(({ exit }) => exit?.exitCode ?? [])).toStrictEqual([255]);
  });

  it('says why a run has ended, of the newest run only', async () => {
    const folder = runs();
    const sink = wandb('digits', { folder, id: 'a' });
    await lastValueFrom(from(wholeRun).pipe(tee(sink)));
    expect(recordsIn(newestFile(folder)).at(-2)!.summary!.update).toStrictEqual([{ nestedKey: ['end'], valueJson: '"epochs"' }]); // prettier-ignore
    await lastValueFrom(from([step(1)]).pipe(tee(sink)));
    expect(recordsIn(newestFile(folder)).at(-2)!.summary!.update).toStrictEqual([]);
  });

  it('has a row in the file when the next step comes, and at a checkpoint', () => {
    const folder = runs();
    const sink = wandb('digits', { folder });
    const seen = [step(1), step(2), checkpoint, validationEvent(2, { loss: 3 }), step(3)].map((event) => {
      void sink.next(event);
      return rowsIn(newestFile(folder)).map(({ _step: at, 'validation/loss': loss }) => [at, loss]);
    });
    expect(seen).toStrictEqual([
      [],
      [[1, undefined]],
      [[1, undefined], [2, undefined]],
      [[1, undefined], [2, undefined]],
      [[1, undefined], [2, 3]], // one row, not two
    ]); // prettier-ignore
    sink.unsubscribe!();
    expect(recordsIn(newestFile(folder)).map((record) => (record as unknown as { num: number }).num)).toStrictEqual(
      Array.from({ length: 10 }, (_, i) => i + 1),
    );
  });

  it('keeps averaged weights apart, and histograms as W&B has them, noted on a step or not; passes over empty ones', async () => {
    const folder = runs();
    const spread = histogramOf('weights/w', [0, 1, 1, NaN]);
    await run(folder, [
      stepEvent(1, { loss: 1, histograms: [histogramOf('gradients/w', [2, 2])] }),
      validationEvent(1, { loss: 4, weights: 'averaged' }),
      { type: 'histogram', globalStep: 1, epoch: 1, ...spread },
      { type: 'histogram', globalStep: 1, epoch: 1, ...histogramOf('weights/none', [NaN]) },
    ]);
    expect(rowsIn(newestFile(folder))).toStrictEqual([
      {
        _step: 1,
        'training/loss': 1,
        'training/learningRate': expect.any(Number),
        epoch: 1,
        'validation-averaged/loss': 4,
        'weights/w': { _type: 'histogram', values: spread.counts, bins: spread.edges },
        'gradients/w': { _type: 'histogram', values: [2], bins: [2, 2] },
      },
    ]);
  });

  it('goes on from a file that was torn anywhere, with the start that it had', async () => {
    const folder = runs();
    const options = { id: 'a' };
    await run(folder, wholeRun.slice(0, 8), options);
    const path = newestFile(folder);
    const whole = readFileSync(path);
    const sizes = [];
    for (let size = whole.length; size > 60; size -= 37) {
      writeFileSync(path, whole);
      truncateSync(path, size);
      const kept = rowsIn(path).filter(({ _step: at }) => at! < 3);
      await run(folder, wholeRun.slice(5), options);
      const rows = rowsOf(wholeRun);
      expect(rowsIn(path)).toStrictEqual([...kept, ...rows.filter(({ _step: at }) => at! >= 3)]);
      sizes.push(kept.length);
    }
    expect(new Set(sizes)).toStrictEqual(new Set([0, 1, 2]));
  });

  it('keeps the start of a run that goes on, and wants it uploaded again', async () => {
    vi.useFakeTimers({ now: 1_700_000_000_000, toFake: ['Date'] });
    const folder = runs();
    await run(folder, [step(1)], { id: 'a' });
    const path = newestFile(folder);
    appendFileSync(`${path}.synced`, '');
    vi.setSystemTime(1_700_000_100_000);
    await run(folder, [step(2)], { id: 'a' });

    const records = recordsIn(path);
    expect(records[1]!.run!.startTime.seconds).toBe(1_700_000_000);
    expect(records.at(-1)!.exit!.runtime).toBe(100);
    expect(records.filter(({ exit }) => exit)).toHaveLength(1);
    expect(existsSync(`${path}.synced`)).toBe(false);
    expect(readdirSync(dirname(path))).toStrictEqual([basename(path)]);
  });

  it.each([
    ['W&B itself', Buffer.concat([SIGNATURE, chunked(encodeRecord(1, { header: { versionInfo: { producer: '0.31.0', minConsumer: '0.70.0' } } }), 7)])],
    ['somebody', Buffer.from('my thesis, the only copy')],
    ['nobody', Buffer.alloc(0)],
  ])('leaves a file alone that was written by %s', async (_, foreign) => {
    const folder = runs();
    await run(folder, [step(1)], { id: 'a' });
    const path = newestFile(folder);
    writeFileSync(path, foreign);

    const failure = await run(folder, [step(1)], { id: 'a' }).catch((error: unknown) => error as Error);
    expect(failure).toBeInstanceOf(SinkError);
    expect((failure as Error).message).toContain(`${path} must be a run that gradstream has written`);
    expect(readFileSync(path)).toStrictEqual(foreign);
    expect(readdirSync(dirname(path))).toStrictEqual([basename(path)]);
  }); // prettier-ignore

  it('ends the run where it cannot write, and begins anew with the next', async () => {
    const folder = runs();
    const sink = wandb('digits', { folder, id: 'a' });
    const run$ = from([step(1), step(2), step(3)]).pipe(
      tee(({ globalStep }) => {
        if (globalStep === 2) renameSync(folder, `${folder}-away`);
      }),
      tee(sink),
    );
    await expect(lastValueFrom(run$)).rejects.toThrow(/step event of global step 2, it failed: ENOENT/);
    await lastValueFrom(from([step(7)]).pipe(tee(sink)));
    expect(rowsIn(newestFile(folder)).map(({ _step: at }) => at)).toStrictEqual([7]);

    void sink.next(step(1));
    rmSync(folder, { recursive: true });
    expect(() => sink.next(step(2))).toThrow('ENOENT');
    expect(() => sink.unsubscribe!()).not.toThrow();
    rmSync(`${folder}-away`, { recursive: true });
    mkdirSync(folder, { recursive: true });
  });
});
