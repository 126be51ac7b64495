import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';

import type { TrainingEvent } from '../../src/core/events.js';
import { bundled } from '../support/bundled.js';
import { onlyInCi } from '../support/inCi.js';
import { expectAsOne, program, said, trainOne, type Said } from './asOne.js';
import { startSlurm, type Slurm } from './slurm.js';

const STEPS = 100;
/** A run of some seconds. */
const SLOW = `
const column = (data) => ({ data: Float32Array.from(data), shape: [data.length, 1] });
export default {
  model: (tf) => {
    const w = tf.variable(tf.tensor2d([[1]]), true, 'w');
    return { variables: [w], apply: (xs) => tf.matMul(xs, w) };
  },
  data: {
    train: async function* () {
      for (let i = 0; i < ${STEPS}; i++) {
        await new Promise((resolve) => setTimeout(resolve, 80));
        yield { xs: column([i / 40, 1]), ys: column([i / 20, 2]) };
      }
    },
  },
  loss: 'mse',
  optimizer: { name: 'adam', learningRate: 0.01 },
  engine: 'cpu',
  run: 'runs/slow',
};`;
const script = fileURLToPath(new URL('../../examples/cluster/train.slurm', import.meta.url));

describe.skipIf(onlyInCi)(`a real Slurm with examples/cluster/train.slurm${onlyInCi}`, { timeout: 240_000 }, () => {
  let one!: Said;
  let slurm!: Slurm;
  const folder = mkdtempSync(join(tmpdir(), 'gs-project-'));
  beforeAll(async () => {
    one = await trainOne();
    slurm = await startSlurm(); // its jobs see this environment
  }, 120_000);
  afterAll(() => {
    slurm?.stop();
    rmSync(folder, { recursive: true });
  });

  /** A folder in which `node_modules/.bin/gradstream` is a program; gives what sbatch says, and reads the log. */
  const project = (name: string, command: string) => {
    const home = join(folder, name);
    const bin = join(home, 'node_modules/.bin');
    mkdirSync(bin, { recursive: true });
    writeFileSync(join(bin, 'gradstream'), `#!/bin/sh\nexec ${command}\n`);
    chmodSync(join(bin, 'gradstream'), 0o755);
    return {
      home,
      submit: (config: string, ...options: string[]) =>
        slurm.command('sbatch', ['--parsable', ...options, script, config], home).trim(),
      log: (job: string) => readFileSync(join(home, `gradstream-${job}.log`), 'utf8'),
    };
  };

  it('trains on two tasks as one replica would', async () => {
    const { submit, log } = project('ranks', `${process.execPath} ${await bundled(program)}`);
    const job = submit('none.json', '--nodes=1', '--ntasks-per-node=2', '--cpus-per-task=1');
    const state = await slurm.reaches(job, ['COMPLETED', 'FAILED']);
    expect(state, log(job)).toBe('COMPLETED');
    expectAsOne(said(log(job)), one, 2);
  });

  it('saves on both when its time is up, queues itself again, and goes on from there', async () => {
    const main = await bundled(new URL('../../src/cli/main.ts', import.meta.url));
    const { home, submit, log } = project('long', `${process.execPath} ${main} "$@"`);
    writeFileSync(join(home, 'slow.mjs'), SLOW);
    const steps = () => {
      const events = join(home, 'runs/slow/events.jsonl');
      const lines = existsSync(events) ? readFileSync(events, 'utf8').trim().split('\n').filter(Boolean) : [];
      const all = lines.map((line) => JSON.parse(line) as TrainingEvent);
      return all.filter((event) => event.type === 'step');
    };
    const job = submit('slow.mjs', '--nodes=1', '--ntasks-per-node=2', '--cpus-per-task=1');
    await vi.waitFor(() => expect(steps().length, log(job)).toBeGreaterThan(5), { timeout: 60_000 });
    slurm.command('scancel', ['--batch', '--signal=USR1', job]); // what --signal=B:USR1@120 does
    await slurm.reaches(job, ['PENDING']);
    const before = steps().length;
    expect(before).toBeLessThan(STEPS);
    const state = await slurm.reaches(job, ['COMPLETED', 'FAILED']);
    expect(state, log(job)).toBe('COMPLETED');
    expect(log(job)).toMatch(new RegExp(`time is up.*from step ${before} on`, 's'));
    expect(steps().map(({ globalStep }) => globalStep)).toStrictEqual(Array.from({ length: STEPS }, (_, i) => i + 1));
    expect(new Set(steps().map(({ worldSize }) => worldSize))).toStrictEqual(new Set([2]));
  });
});
