import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';

import { decodeSafetensors } from '../../src/checkpoint/safetensors.js';
import type { StepEvent, TrainingEvent } from '../../src/core/events.js';
import { absent, INSTALLED } from '../engine/node/installed.js';
import { missing, mpis } from '../replicas/installedMpi.js';
import { isCi, onlyInCi } from '../support/inCi.js';
import { start } from './program.js';

/** 22 batches of 8 and a last one of 1, of which only the first replica has a part: 12 steps an epoch, 24 in all. */
const CONFIG = `
import { workerData } from 'node:worker_threads';
const { FAULT = '', STEP_MS = '0', OMPI_COMM_WORLD_RANK, PMI_RANK } = process.env;
const rank = Number(OMPI_COMM_WORLD_RANK ?? PMI_RANK ?? workerData?.rank ?? 0);
const is = (fault) => FAULT === fault && rank === 1;
const column = (data) => ({ data: Float32Array.from(data), shape: [data.length, 1] });
export default {
  model: (tf) => {
    const layer = (units, seed) =>
      tf.layers.dense({ units, activation: 'tanh', kernelInitializer: tf.initializers.glorotUniform({ seed: seed + 10 * rank }) });
    return tf.sequential({ layers: [tf.layers.inputLayer({ inputShape: [1] }), layer(4, 1), layer(1, 2)] });
  },
  data: {
    train: async function* (epoch) {
      for (let i = 0; i < 23; i++) {
        await new Promise((resolve) => setTimeout(resolve, Number(STEP_MS)));
        if (is('throws') && i === 7) throw new Error('out of luck');
        if ((is('hangs') && i === 7) || is('hangs at once')) await new Promise(() => setInterval(() => undefined, 1000));
        const xs = Array.from({ length: i === 22 ? 1 : 8 }, (_, j) => Math.sin(8 * i + j + epoch));
        yield { xs: column(xs), ys: is('other data') ? { ...column(xs), data: new Int32Array(xs.length) } : column(xs.map((x) => x / 2)) };
      }
    },
    validation: [{ xs: column([0.5, 1]), ys: column([0.25, 0.5]) }],
  },
  loss: 'mse',
  optimizer: { name: 'adam', learningRate: 0.05 },
  accumulate: is('other config') ? 3 : 2,
  epochs: 2,
  validateEvery: 10,
  engine: 'cpu',
  checkpoint: { every: 1 },
};`;

let folder: string;
const at = (...path: string[]): string => join(folder, ...path);
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'gradstream-launch-'));
  writeFileSync(at('c.mjs'), CONFIG);
});
afterAll(() => rmSync(folder, { recursive: true }));

const [, bin = ''] = mpis[0] ?? [];
const env = { PATH: `${bin}:${process.env['PATH']}` };
const train = (run: string, ...more: string[]) => ['train', at('c.mjs'), '--set', `run=runs/${run}`, ...more];
const launch = (ranks: number, by: string, ...more: string[]) => ['launch', '-n', String(ranks), '--by', by, ...more];

const linesOf = (run: string): string[] => {
  try {
    return readFileSync(at('runs', run, 'events.jsonl'), 'utf8')
      .trimEnd()
      .split('\n');
  } catch {
    return [];
  }
};
const eventsOf = (run: string) => linesOf(run).map((line) => JSON.parse(line) as TrainingEvent);
const stepsOf = (run: string) => eventsOf(run).filter((event): event is StepEvent => event.type === 'step');
const weightsOf = (run: string): number[] => {
  const checkpoints = at('runs', run, 'checkpoints');
  const file = join(checkpoints, readdirSync(checkpoints).sort().at(-1)!, 'model.safetensors');
  return Object.values(decodeSafetensors(readFileSync(file))).flatMap(({ data }) => [...data]);
};
const near = (run: string, other: string): void => {
  const expected = weightsOf(other);
  const largest = Math.max(...expected.map(Math.abs));
  weightsOf(run).forEach((weight, i) => expect(Math.abs(weight - expected[i]!)).toBeLessThan(1e-6 * largest));
};
const isThere = (pid: number): boolean => {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
};
/** What of a run's steps and validations does not depend on the time. */
const toldOf = (run: string) =>
  eventsOf(run)
    .filter(({ type }) => type === 'step' || type === 'validation')
    .map((event) => ({ ...event, samplesPerSecond: 0, timesMs: 0, seconds: 0 }));

/** Ways to have so many replicas, with those by MPI only where there is one. */
const ways: readonly (readonly [ranks: number, by: string])[] = missing
  ? [[2, 'threads']]
  : [[2, 'mpi'], ...(isCi ? [[4, 'mpi'] as const] : []), [2, 'threads']];
const nameOf = (ranks: number, by: string): string => `${by}${ranks}`;

describe('gradstream launch', { timeout: 120_000 }, () => {
  it('needs a launcher for some of what follows', ({ skip }) => {
    expect(missing === '' || !isCi).toBe(true);
    if (missing) skip(missing);
  });

  // What the others are compared with.
  beforeAll(async () => {
    const runs = [
      start(train('solo')),
      ...ways.map(([n, by]) => start([...launch(n, by), ...train(nameOf(n, by))], env)),
    ];
    for (const { ended } of runs) expect(await ended).toMatchObject({ code: 0 });
  }, 120_000);

  describe('trains as one replica would', () => {
    it.each(ways)('on %i replicas by %s', (ranks, by) => {
      const name = nameOf(ranks, by);
      near(name, 'solo');
      const [steps, alone] = [stepsOf(name), stepsOf('solo')];
      expect(steps.map(({ globalStep }) => globalStep)).toStrictEqual(Array.from({ length: 24 }, (_, i) => i + 1));
      expect(new Set(steps.map(({ worldSize }) => worldSize))).toStrictEqual(new Set([ranks]));
      steps.forEach(({ loss, samples, microStep, epoch }, i) => {
        expect(loss).toBeCloseTo(alone[i]!.loss, 6);
        expect({ samples, microStep, epoch }).toMatchObject({
          samples: alone[i]!.samples,
          microStep: alone[i]!.microStep,
          epoch: alone[i]!.epoch,
        });
      });
      expect(toldOf(name).map(({ type }) => type)).toStrictEqual(toldOf('solo').map(({ type }) => type));
    });

    const kills = isCi ? 10 : 1;
    it.each(isCi ? ways : ways.slice(-1))(
      `and ends in the same weights when one of %i by %s is killed again and again, with --restarts`,
      async (ranks, by) => {
        const run = `killed${nameOf(ranks, by)}`;
        const command = [...launch(ranks, by, '--restarts', String(kills)), ...train(run, '--overwrite')];
        const { ended, said } = start(command, {
          ...env,
          STEP_MS: '10',
        });
        for (let kill = 1; kill <= kills; kill += 1) {
          const begun = linesOf(run).length;
          const more = 1 + Math.floor(Math.random() * 4);
          const pids = await vi.waitFor(
            () => {
              const world = [...said().matchAll(/replicas \(process(?:es)? ([\d ]+)\)/g)][kill - 1];
              expect(world).toBeDefined();
              expect(linesOf(run).length).toBeGreaterThanOrEqual(begun + more);
              return world![1]!.split(' ');
            },
            { timeout: 30_000, interval: 5 },
          );
          await sleep(Math.random() * 20);
          process.kill(Number(pids[Math.floor(Math.random() * pids.length)]), 'SIGKILL');
        }
        const { code, stderr } = await ended;
        expect(stderr).toContain(`have ended with 137; restart ${kills} of ${kills}`);
        expect(code).toBe(0);
        expect(weightsOf(run)).toStrictEqual(weightsOf(nameOf(ranks, by)));
        expect(toldOf(run)).toStrictEqual(toldOf(nameOf(ranks, by)));
      },
    );
  });

  describe.each(missing || !isCi ? ['threads'] : ['mpi', 'threads'])('by %s', (by) => {
    const fails = (fault: string, ...more: string[]) =>
      start([...launch(2, by), ...train(`${fault}-${by}`, ...more)], { ...env, FAULT: fault }).ended;

    it('ends all and names the one that fails, or hangs', async () => {
      const faults = [
        fails('throws'),
        ...['hangs', 'hangs at once'].map((how) => fails(how, '--set', 'timeoutMs=1500')),
      ];
      const [thrown, hung, never] = await Promise.all(faults);
      expect(thrown!.stderr).toMatch(/rank 1 of 2: .*out of luck/);
      expect(hung!.stderr).toMatch(/rank 0 of 2: (mpi|threads): rank 1 must arrive within 1500 ms/);
      expect(never!.stderr).toMatch(/rank 0 of 2: .*(mpi|threads): rank 1 must arrive within 1500 ms/);
      expect([thrown!.code, hung!.code, never!.code]).toStrictEqual([1, 1, 1]);
    });

    it.skipIf(onlyInCi)(`ends all and names the one that was told something else${onlyInCi}`, async () => {
      const [config, data] = await Promise.all([fails('other config'), fails('other data')]);
      expect(config!.stderr).toMatch(/every rank must have the same config; rank 1 has accumulate 3, rank 0 2/);
      expect(data!.stderr).toMatch(
        /every rank must have the same data; rank 1 has ys "int32 \[1\]", rank 0 "float32 \[1\]"/,
      );
      expect([config!.code, data!.code]).toStrictEqual([1, 1]);
    });

    it('ends all after the step and saves upon Ctrl-C, and goes on with more or fewer', async () => {
      const run = `stopped-${by}`;
      const slowly = { ...env, STEP_MS: '20' };
      const { child, ended } = start([...launch(2, by, '--restarts', '3'), ...train(run)], slowly, { detached: true });
      await vi.waitFor(() => expect(linesOf(run).length).toBeGreaterThan(3), 30_000);
      process.kill(-child.pid!, 'SIGINT'); // the whole group, as a terminal does
      const { code, stderr } = await ended;
      expect(stderr).toMatch(/ends after this step, and saves/);
      expect(code).toBe(130);
      expect(eventsOf(run).slice(-2)).toMatchObject([{ type: 'checkpoint' }, { type: 'end', reason: 'until' }]);
      const cut = stepsOf(run).length;
      expect(cut).toBeLessThan(24);

      const [ranks, otherBy] = by === 'mpi' ? [3, 'threads'] : [1, 'threads'];
      const goOn = [...launch(ranks, otherBy), ...train(run, '--resume')];
      expect(await start(goOn, env).ended).toMatchObject({ code: 0 });
      const counts = Array.from({ length: 24 }, (_, i) => i + 1);
      expect(stepsOf(run).map(({ globalStep }) => globalStep)).toStrictEqual(counts);
      const sizes = counts.map((globalStep) => (globalStep <= cut ? 2 : ranks));
      expect(stepsOf(run).map(({ worldSize }) => worldSize)).toStrictEqual(sizes);
      near(run, 'solo');
    });
  });

  it.skipIf(missing || onlyInCi)(`ends all and saves if one is told to${onlyInCi}`, async () => {
    const { ended, said } = start([...launch(2, 'mpi'), ...train('told')], { ...env, STEP_MS: '50' });
    await vi.waitFor(() => expect(linesOf('told').length).toBeGreaterThan(3), 30_000);
    process.kill(Number(/replicas \(processes \d+ (\d+)\)/.exec(said())![1]), 'SIGTERM');
    await ended;
    expect(eventsOf('told').slice(-2)).toMatchObject([{ type: 'checkpoint' }, { type: 'end', reason: 'until' }]);
    expect(stepsOf('told').length).toBeLessThan(24);
  });

  const launchers = [...mpis.map(([name, bin]) => [`mpi, ${name}`, 'mpi', bin] as const), ['threads', 'threads', ''] as const]; // prettier-ignore
  it.skipIf(onlyInCi).each(launchers)(
    `ends all and saves if it is itself killed, by %s${onlyInCi}`,
    async (name, by, bin) => {
      const run = `orphaned ${name}`;
      const { child, ended, said } = start([...launch(2, by), ...train(run)], { PATH: `${bin}:${process.env['PATH']}`, STEP_MS: '50' }); // prettier-ignore
      await vi.waitFor(() => expect(linesOf(run).length).toBeGreaterThan(3), 30_000);
      const [, pids] = /replicas \(process(?:es)? ([\d ]+)\)/.exec(said())!;
      child.kill('SIGKILL');
      await vi.waitFor(() => pids!.split(' ').forEach((pid) => expect(isThere(Number(pid))).toBe(false)), 20_000);
      await ended;
      expect(eventsOf(run).slice(-2)).toMatchObject([{ type: 'checkpoint' }, { type: 'end', reason: 'until' }]);
      expect(stepsOf(run).length).toBeLessThan(24);
    },
  );

  it.skipIf(onlyInCi).each(mpis)(
    `ends all if one is killed, which mpirun names by its rank, or as MPICH's by its process, by %s${onlyInCi}`,
    async (name, bin) => {
      const run = `dead ${name}`;
      const { ended, said } = start([...launch(2, 'mpi'), ...train(run)], { PATH: `${bin}:${process.env['PATH']}`, STEP_MS: '50' }); // prettier-ignore
      await vi.waitFor(() => expect(linesOf(run).length).toBeGreaterThan(3), 30_000);
      const pid = Number(/replicas \(processes \d+ (\d+)\)/.exec(said())![1]); // by rank
      process.kill(pid, 'SIGKILL');
      const { code, stdout, stderr } = await ended;
      expect([code, stdout + stderr]).toStrictEqual(
        name === 'mpich'
          ? [9, expect.stringContaining(`PID ${pid} RUNNING AT`)]
          : [137, expect.stringMatching(/process rank 1 with PID/)],
      );
      expect(stepsOf(run).length).toBeLessThan(24);
    },
  );

  it.skipIf(missing || onlyInCi)(`ends all at once upon the second Ctrl-C${onlyInCi}`, async () => {
    const { child, ended, said } = start([...launch(2, 'mpi'), ...train('twice')], { ...env, FAULT: 'hangs' });
    await vi.waitFor(() => expect(linesOf('twice').length).toBeGreaterThan(2), 30_000);
    child.kill('SIGINT');
    await vi.waitFor(() => expect(said()).toMatch(/once more: at once/), 10_000);
    const began = performance.now();
    child.kill('SIGINT');
    expect((await ended).code).toBe(130);
    expect(performance.now() - began).toBeLessThan(10_000);
  });

  it.skipIf(missing || absent)(`on native TensorFlow, too ${INSTALLED}`, async () => {
    const on = ['--engine', 'node', '--set', 'steps=8'];
    const [alone, two] = [start(train('native', ...on)), start([...launch(2, 'mpi'), ...train('native2', ...on)], env)];
    for (const { ended } of [alone, two]) expect(await ended).toMatchObject({ code: 0 });
    near('native2', 'native');
  });

  it.skipIf(missing)('refuses to train by itself where a launcher has started several', async () => {
    // The library is the system's, which knows nothing of that launcher.
    const single = (by: NodeJS.ProcessEnv) => start(train('single'), { ...env, ...by }).ended;
    // One by one: two that Open MPI begins at once, each alone, may not come up.
    const known = await single({ PMI_SIZE: '2', PMI_RANK: '0' });
    const unknown = await single({ GRADSTREAM_WORLD_SIZE: '2' });
    expect(known.stderr).toMatch(/PMI has started 2 processes, and MPI must know as many, received 1/);
    expect(unknown.stderr).toMatch(/worldSize is 2, and MPI must know as many, received 1/);
    expect([known.code, unknown.code]).toStrictEqual([1, 1]);
    expect(linesOf('single')).toHaveLength(0);
  });

  it('says what it needs', async () => {
    const all = await Promise.all(
      [
        ['launch', 'train'],
        ['launch', '-n', '0', 'train'],
        ['launch', '-n', '2', 'evaluate'],
        ['launch', '-n', '2', '--restarts', '1', 'train', '--fast-dev-run'],
        ['launch', '-n', '2', '--by', 'mpi', 'train'],
        ['launch', '-n', '2', '--by', 'threads', '--restarts', '1', 'train', at('nowhere.mjs')],
      ].map((args) => start(args, { PATH: '' }).ended),
    );
    expect(all.map(({ code }) => code)).toStrictEqual([2, 2, 2, 2, 2, 2]);
    const said = [
      /required option '-n, --replicas <count>'/,
      /It must be a whole number of at least 1/,
      /the command must be train, it is 'evaluate'/,
      /--fast-dev-run leaves no checkpoint/,
      /mpirun must be on the PATH .*--by threads needs none/,
      /rank [01] of 2: .*nowhere.mjs: the config must be a file that can be read/,
    ];
    all.forEach(({ stderr }, i) => expect(stderr).toMatch(said[i]!));
    expect(all.at(-1)!.stderr).not.toContain('restart'); // it would be wrong again
  });
});
