import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

import { build } from 'esbuild';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';

import { fileStore } from '../../src/checkpoint/fileStore.js';
import { latest } from '../../src/checkpoint/latest.js';
import type { TrainingEvent } from '../../src/core/events.js';
import { seededRandom } from '../../src/data/random.js';
import type { Task } from './program.js';

/** Every kill costs the start of a process. */
const KILLS = process.env['CI'] ? 50 : 3;
/** A process is killed so many events after it has begun to train at most, and so many milliseconds; a step and its checkpoint take a few. */
const MOST_EVENTS = 10;
const MOST_MS = 8;
/** More than all lives can take, and some for the last. */
const STEPS = MOST_EVENTS * KILLS + 20;

let place: string;
const children = new Set<ChildProcess>();
beforeAll(async () => {
  place = mkdtempSync(join(tmpdir(), 'gradstream-kill-'));
  await build({
    entryPoints: [fileURLToPath(new URL('program.ts', import.meta.url))],
    outfile: join(place, 'program.mjs'),
    bundle: true,
    platform: 'node',
    mainFields: ['module', 'main'], // one copy of TensorFlow.js, whoever imports it
    format: 'esm',
    // TensorFlow.js asks for Node's own modules by require.
    banner: { js: `import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);` },
    logLevel: 'error',
  });
});
afterEach(() => children.forEach((child) => child.kill('SIGKILL')));
afterAll(() => rmSync(place, { recursive: true }));

function start(task: Task) {
  const child = spawn(process.execPath, [join(place, 'program.mjs'), JSON.stringify(task)], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, NODE_OPTIONS: '' },
  });
  children.add(child);
  const closed = once(child, 'close') as Promise<[number | null, string | null]>;
  const ended = closed.then(([code, signal]) => (children.delete(child), signal ?? code!));
  let output = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (output += text));
  /** Resolves when it has begun to train, and so many events have come; or when it has ended. */
  const hasSent = async (events: number): Promise<void> => {
    while (output.length < 'ready\n'.length + events && children.has(child))
      await Promise.race([once(child.stdout, 'data'), ended]);
  };
  return { child, hasSent, ended };
}

const folder = (): string => mkdtempSync(join(place, 'run-'));
const eventsIn = (run: string): TrainingEvent[] =>
  readFileSync(join(run, 'events.jsonl'), 'utf8').trim().split('\n').map((line) => JSON.parse(line) as TrainingEvent); // prettier-ignore
const stepsIn = (run: string): TrainingEvent[] => eventsIn(run).filter(({ type }) => type === 'step');
/** What the sink for files has recorded, without checkpoints: when they are made is a matter of time. */
const recordedIn = (run: string): string[] =>
  readFileSync(join(run, 'recorded.jsonl'), 'utf8').split('\n').filter((line) => !line.startsWith('{"type":"checkpoint"')); // prettier-ignore
const tableIn = (run: string): string => readFileSync(join(run, 'steps.csv'), 'utf8');
const weightsIn = (run: string): unknown => JSON.parse(readFileSync(join(run, 'weights.json'), 'utf8'));

/** A run that nobody disturbs. */
async function undisturbed(steps: number): Promise<string> {
  const run = folder();
  expect(await start({ folder: run, steps, every: 1e9, whenBusy: 'latest' }).ended).toBe(0);
  return run;
}

describe('a process that trains and saves', () => {
  it(
    `comes to the same weights and events when it is killed ${KILLS} times, at any moment, and started again`,
    async () => {
      const whole = await undisturbed(STEPS);
      const random = seededRandom(8, 'kill');
      const run = folder();
      let [kills, unfinished] = [0, 0];
      while (kills < KILLS) {
        const whenBusy = kills % 3 === 2 ? 'latest' : 'wait';
        const { child, hasSent, ended } = start({ folder: run, steps: STEPS, every: 1, whenBusy });
        await hasSent(Math.floor(MOST_EVENTS * random.nextFloat()));
        await wait(MOST_MS * random.nextFloat());
        child.kill('SIGKILL');
        expect(await ended).toBe('SIGKILL');
        kills += 1;
        const left = existsSync(join(run, 'checkpoints')) ? readdirSync(join(run, 'checkpoints')) : [];
        if (left.some((name) => name.startsWith('.'))) unfinished += 1;
        expect(await fileStore(join(run, 'checkpoints')).list()).toStrictEqual(
          left.filter((name) => !name.startsWith('.')).sort(),
        );
      }
      expect(await start({ folder: run, steps: STEPS, every: 1, whenBusy: 'wait' }).ended).toBe(0);

      expect(weightsIn(run)).toStrictEqual(weightsIn(whole));
      const expected = stepsIn(whole);
      for (const event of stepsIn(run)) expect(event).toStrictEqual(expected[event.globalStep - 1]);
      expect(new Set(stepsIn(run).map(({ globalStep }) => globalStep)).size).toBe(STEPS);
      expect(recordedIn(run)).toStrictEqual(recordedIn(whole));
      expect(tableIn(run)).toBe(tableIn(whole));
      // What a kill in mid-save has left is gone.
      expect(readdirSync(join(run, 'checkpoints'))).toHaveLength(2);
      if (KILLS >= 50) expect(unfinished, 'kills in mid-save').toBeGreaterThan(0);
    },
    20_000 + 5_000 * KILLS,
  );

  it('saves and ends by itself on a signal, and goes on from there', async () => {
    const run = folder();
    const task: Task = { folder: run, steps: 1e9, every: 1e9, whenBusy: 'latest' };
    const { child, hasSent, ended } = start(task);
    await hasSent(4);
    child.kill('SIGTERM');
    expect(await ended).toBe(0);
    const [checkpoint, end] = eventsIn(run).slice(-2);
    expect(end).toMatchObject({ type: 'end', reason: 'until' });
    const { globalStep } = end!;
    expect(checkpoint).toMatchObject({ type: 'checkpoint', reason: 'demand', globalStep });
    expect(await latest(fileStore(join(run, 'checkpoints')))).toMatchObject({ globalStep });

    expect(await start({ ...task, steps: globalStep + 3 }).ended).toBe(0);
    const whole = await undisturbed(globalStep + 3);
    expect(weightsIn(run)).toStrictEqual(weightsIn(whole));
    expect(stepsIn(run)).toStrictEqual(stepsIn(whole));
  }, 60_000);

  it('ends at once on a second signal, even if the store never finishes', async () => {
    const run = folder();
    const { child, hasSent, ended } = start({ folder: run, steps: 1e9, every: 1, whenBusy: 'latest', stuck: true });
    await hasSent(4);
    child.kill('SIGTERM');
    let steps = -1;
    // It has heeded the first when no further step comes.
    await vi.waitFor(() => {
      const before = steps;
      steps = stepsIn(run).length;
      expect(steps).toBe(before);
    }, { timeout: 10_000, interval: 100 }); // prettier-ignore
    expect(child.exitCode ?? child.signalCode).toBeNull();
    child.kill('SIGTERM');
    expect(await ended).toBe('SIGTERM');
  }, 60_000);
});
