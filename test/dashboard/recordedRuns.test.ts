import { appendFileSync, mkdirSync, mkdtempSync, renameSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { from, lastValueFrom } from 'rxjs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { tee } from '../../operators/tee.js';
import type { TrainingEvent } from '../../src/core/events.js';
import { recordedRuns } from '../../src/dashboard/recordedRuns.js';
import { jsonlFile } from '../../src/sinks/jsonlFile.js';
import { stepEvent } from '../../src/testing/steps.js';
import { eventLine } from '../../src/trainer/eventLine.js';

describe('recordedRuns', () => {
  let folder = '';
  beforeEach(() => void (folder = mkdtempSync(join(tmpdir(), 'gradstream-runs-'))));
  afterEach(() => rmSync(folder, { recursive: true }));

  const lines = (first: number, last: number): string =>
    Array.from(
      { length: last - first + 1 },
      (_, i) => `${eventLine(stepEvent(first + i, { loss: (first + i) / 8 }))}\n`,
    ).join('');
  const fileOf = (name: string): string => {
    mkdirSync(join(folder, name), { recursive: true });
    return join(folder, name, 'events.jsonl');
  };
  const stepsOf = (runs: ReturnType<typeof recordedRuns>, name: string): number[] => [
    ...runs.runs.get(name)!.log.series({ from: 0, to: 1e9, pixels: 4000, every: 1 }, 1).steps.steps,
  ];
  const range = (first: number, last: number): number[] =>
    Array.from({ length: last - first + 1 }, (_, i) => first + i);

  it('finds runs, new ones too, and passes over what is none', async () => {
    writeFileSync(fileOf('b'), lines(1, 3));
    writeFileSync(join(folder, 'notes.txt'), 'x');
    mkdirSync(join(folder, 'empty'));
    const runs = recordedRuns(folder);
    await runs.look();
    expect([...runs.runs.keys()]).toStrictEqual(['b']);

    writeFileSync(fileOf('a'), lines(1, 2));
    await runs.look();
    expect([...runs.runs.keys()]).toStrictEqual(['a', 'b']);
    rmSync(join(folder, 'b'), { recursive: true });
    await runs.look();
    expect([...runs.runs.keys()]).toStrictEqual(['a']);
  });

  it('shows a single run, given its own folder', async () => {
    writeFileSync(fileOf('first'), lines(1, 3));
    const runs = recordedRuns(join(folder, 'first'));
    await runs.look();

    expect(stepsOf(runs, 'first')).toStrictEqual([1, 2, 3]);
  });

  it('follows a file wherever its lines are cut, letters of several bytes too', async () => {
    const path = fileOf('a');
    const name = 'é∇梯度'.repeat(5);
    const saved: TrainingEvent = {
      type: 'checkpoint',
      globalStep: 2,
      epoch: 1,
      name,
      reason: 'steps',
      best: false,
      skipped: 0,
    };
    const bytes = Buffer.from(`${lines(1, 2)}${eventLine(saved)}\n${lines(3, 4)}`);
    writeFileSync(path, '');
    const runs = recordedRuns(folder);
    for (let at = 0; at < bytes.length; at += 7) {
      appendFileSync(path, bytes.subarray(at, at + 7));
      await runs.look();
    }

    expect(stepsOf(runs, 'a')).toStrictEqual([1, 2, 3, 4]);
    expect(runs.runs.get('a')!.log.position.count).toBe(5);
    const { notes } = runs.runs.get('a')!.log.series({ from: 0, to: 9, pixels: 9, every: 1 }, 1);
    expect(notes.map(({ text }) => text)).toStrictEqual([`${name} (steps)`]);
  });

  it('begins anew when the file is replaced, as a run that goes on replaces it, or cut', async () => {
    const path = fileOf('a');
    const run = (first: number, last: number) =>
      lastValueFrom(from(range(first, last).map((n) => stepEvent(n))).pipe(tee(jsonlFile(path))));
    await run(1, 9);
    const runs = recordedRuns(folder);
    await runs.look();
    const told = runs.runs.get('a')!.log.position;
    await run(6, 20);
    await runs.look();
    expect(stepsOf(runs, 'a')).toStrictEqual(range(1, 20));
    expect(runs.runs.get('a')!.log.since(told)).toBeUndefined();

    writeFileSync(path, lines(1, 2));
    await runs.look();
    expect(stepsOf(runs, 'a')).toStrictEqual([1, 2]);

    writeFileSync(`${path}.new`, lines(1, 5));
    renameSync(`${path}.new`, path);
    await runs.look();
    expect(stepsOf(runs, 'a')).toStrictEqual(range(1, 5));
  });

  it('says which line is no event, and goes on', async () => {
    writeFileSync(fileOf('a'), `${lines(1, 2)}{"type":"step"}\nno JSON\n\n${lines(3, 3)}`);
    const runs = recordedRuns(folder);
    await runs.look();
    const { notes } = runs.runs.get('a')!.log.series({ from: 0, to: 9, pixels: 9, every: 1 }, 1);

    expect(stepsOf(runs, 'a')).toStrictEqual([1, 2, 3]);
    expect(notes.map(({ kind, text }) => [kind, text.slice(0, 18)])).toStrictEqual([
      ['error', 'line 3 is no event'],
      ['error', 'line 4 is no event'],
    ]);
  });

  it('tells a run that goes on from one that has ended, and one that was killed', async () => {
    let now = 1e12;
    const path = fileOf('a');
    const date = (): void => utimesSync(path, now / 1e3, now / 1e3);
    const runs = recordedRuns(folder, () => now);
    const status = async () => (await runs.look(), runs.runs.get('a')!.info().status);
    writeFileSync(path, '');
    date();
    expect(await status()).toBe('waiting');
    appendFileSync(path, lines(1, 3));
    date();
    expect(await status()).toBe('running');
    now += 59_000;
    expect(await status()).toBe('running');
    now += 2_000;
    expect(await status()).toBe('stopped');
    appendFileSync(path, `${eventLine({ type: 'end', globalStep: 3, epoch: 1, reason: 'steps' })}\n`);
    date();
    expect(await status()).toBe('ended');
  });
});
