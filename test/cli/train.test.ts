import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';

import type { TrainingEvent } from '../../src/core/events.js';
import { gradstream, start } from './program.js';

let folder: string;
const at = (...path: string[]): string => join(folder, ...path);
const rxjs = createRequire(import.meta.url).resolve('rxjs');

const dense = {
  name: 'd',
  units: 1,
  batch_input_shape: [null, 1],
  kernel_initializer: { class_name: 'Ones', config: {} },
};
const topology = { class_name: 'Sequential', config: { name: 'm', layers: [{ class_name: 'Dense', config: dense }] } };
const file = { file: 'line.csv', xs: ['x'], ys: ['y'], batch: 4 };
const line = {
  model: 'model.json',
  data: { train: { ...file, shuffle: 1 }, validation: { ...file, batch: 8 } },
  loss: 'mse',
  optimizer: { name: 'adam', learningRate: 0.1 },
  metrics: ['mae'],
  accumulate: 3,
  steps: 12,
  validateEvery: 5,
  operators: [{ ema: ['loss', { alpha: 0.1 }] }],
  engine: 'cpu',
};
/** Batches that come slowly, a model of code, in TypeScript. */
const slow = (operators = '[]') => `
import * as rxjs from ${JSON.stringify(rxjs)};
type Rows = { data: Float32Array; shape: number[] };
const column = (data: number[]): Rows => ({ data: Float32Array.from(data), shape: [data.length, 1] });
export default {
  model: (tf: any) => {
    const w = tf.variable(tf.tensor2d([[1]]), true, 'w');
    return { variables: [w], apply: (xs: any) => tf.matMul(xs, w) };
  },
  data: {
    train: async function* () {
      for (let i = 0; i < 40; i++) {
        await new Promise((resolve) => setTimeout(resolve, 10));
        yield { xs: column([i / 40, 1]), ys: column([i / 20, 2]) };
      }
    },
  },
  loss: 'mse',
  optimizer: { name: 'adam', learningRate: 0.01 },
  accumulate: 2,
  steps: 60,
  epochs: 3,
  engine: 'cpu',
  operators: ${operators},
};`;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'gradstream-train-'));
  const points = Array.from({ length: 18 }, (_, i) => `${Math.sin(i)},${2 * Math.sin(i) + 1}`);
  writeFileSync(at('line.csv'), ['x,y', ...points, ''].join('\n'));
  writeFileSync(at('model.json'), JSON.stringify({ modelTopology: topology }));
  writeFileSync(at('line.json'), JSON.stringify(line));
  writeFileSync(at('slow.ts'), slow());
  writeFileSync(at('stuck.ts'), slow('[rxjs.concatMap(() => rxjs.NEVER)]'));
});
afterAll(() => rmSync(folder, { recursive: true }));

const eventsOf = (run: string): TrainingEvent[] =>
  readFileSync(at('runs', run, 'events.jsonl'), 'utf8')
    .trim()
    .split('\n')
    .map(
      (text) => ({ ...(JSON.parse(text) as TrainingEvent), samplesPerSecond: undefined, timesMs: undefined }) as never,
    );
const trained = (run: string) => eventsOf(run).filter(({ type }) => type === 'step' || type === 'validation');
const weightsOf = (run: string): Buffer => {
  const checkpoints = at('runs', run, 'checkpoints');
  return readFileSync(join(checkpoints, readdirSync(checkpoints).sort().at(-1)!, 'model.safetensors'));
};

describe('gradstream train', () => {
  it('records the run in its folder, refuses to write over it, and uses what it has learnt', async () => {
    const { code, stdout, stderr } = await gradstream('train', at('line.json'));
    expect(stderr).toMatch(/runs\/line +on cpu: plain JavaScript/);
    expect(stdout).toMatch(
      /^run +.*runs\/line\nsteps +12, in epoch 6; ended by steps\nloss +loss .*\nvalidation .*at step 10\ncheckpoint +0000000012/,
    );
    expect(code).toBe(0);
    expect(readdirSync(at('runs/line')).sort()).toStrictEqual(['checkpoints', 'config.json', 'events.jsonl']);
    expect(JSON.parse(readFileSync(at('runs/line/config.json'), 'utf8'))).toStrictEqual(line);
    expect(eventsOf('line').map(({ type }) => type).join(' ')).toBe(`${'step '.repeat(5)}validation ${'step '.repeat(5)}validation step step checkpoint end`); // prettier-ignore

    const [again, spared, evaluated, predicted, table, csv, chart] = await Promise.all([
      gradstream('train', at('line.json')),
      gradstream('train', at('line.json'), '--overwrite', '--set', 'model=none.json'),
      gradstream('evaluate', at('line.json'), '--json'),
      gradstream('predict', at('line.json')),
      gradstream('logs', at('runs/line'), '--alpha', '0.5', '--every', '5'),
      gradstream('logs', at('runs/line/events.jsonl'), '--format', 'csv', '--columns', 'globalStep,validation.loss'),
      gradstream('logs', at('runs/line'), '--format', 'chart'),
    ]);
    expect(again).toMatchObject({ code: 2, stdout: '' });
    expect(again.stderr).toMatch(/holds a run already: --resume/);
    expect(spared).toMatchObject({ code: 2, stdout: '' });
    expect(eventsOf('line')).toHaveLength(16); // nothing of it goes for a run that cannot begin
    const { loss, metrics, samples, globalStep } = JSON.parse(evaluated.stdout) as never;
    expect({ samples, globalStep }).toStrictEqual({ samples: 18, globalStep: 12 });
    const predictions = predicted.stdout.trim().split('\n').map((text) => (JSON.parse(text) as number[])[0]!); // prettier-ignore
    const errors = predictions.map((value, i) => value - (2 * Math.sin(i) + 1));
    expect(errors.reduce((sum, error) => sum + error ** 2, 0) / 18).toBeCloseTo(loss, 5);
    expect(errors.reduce((sum, error) => sum + Math.abs(error), 0) / 18).toBeCloseTo(metrics['mae'], 5);
    const [header, ...rows] = table.stdout.trim().split('\n').map((text) => text.trim().split(/ +/)); // prettier-ignore
    expect(header).toStrictEqual(expect.arrayContaining(['globalStep', 'loss', 'mae', 'ema.loss', 'validation.loss']));
    expect(rows.map(([step]) => step)).toStrictEqual(['5', '10']);
    expect(csv.stdout).toMatch(/^globalStep,validation.loss\n1,\n(.*\n){3}5,0?\.?\d[\d.]*\n/);
    expect(chart.stdout).toMatch(/ema.loss[^]*validation.loss/);
    expect([evaluated, predicted, table, csv, chart].map(({ code }) => code)).toStrictEqual([0, 0, 0, 0, 0]);
  }, 60_000);

  it('goes on with --resume: the run that was never stopped, bit for bit', async () => {
    const whole = gradstream('train', at('line.json'), '--set', 'run=runs/whole');
    expect(await gradstream('train', at('line.json'), '--set', 'run=runs/parts', '--set', 'steps=7', '--resume')).toMatchObject({ code: 0 }); // prettier-ignore
    const resumed = await gradstream('train', at('line.json'), '--set', 'run=runs/parts', '--resume', '--json');
    expect(JSON.parse(resumed.stdout.split('\n')[0]!)).toMatchObject({ type: 'step', globalStep: 8 });
    expect(resumed.stderr).toMatch(/from step 7 on/);
    expect(resumed.code).toBe(0);
    await whole;
    expect(weightsOf('parts')).toStrictEqual(weightsOf('whole'));
    expect(trained('parts')).toStrictEqual(trained('whole'));
  }, 60_000);

  it('ends after the step on the first Ctrl-C, saves, says 130, and goes on as if nothing had been', async () => {
    const whole = gradstream('train', at('slow.ts'), '--set', 'run=runs/unbroken');
    const { child, ended, lines } = start(['train', at('slow.ts'), '--json']);
    await vi.waitFor(() => expect(lines()).toBeGreaterThan(3), 15_000);
    child.kill('SIGINT');
    const { code, stdout, stderr } = await ended;
    expect(stderr).toMatch(/ends after this step, and saves/);
    expect(code).toBe(130);
    const events = stdout.trim().split('\n').map((text) => JSON.parse(text) as TrainingEvent); // prettier-ignore
    expect(events.slice(-2)).toMatchObject([{ type: 'checkpoint' }, { type: 'end', reason: 'until' }]);
    expect(events.length).toBeLessThan(60);
    const resumed = await gradstream('train', at('slow.ts'), '--resume', '--json');
    expect(resumed.code).toBe(0);
    expect((JSON.parse(resumed.stdout.split('\n')[0]!) as TrainingEvent).globalStep).toBeGreaterThan(3);
    expect((await whole).code).toBe(0);
    expect(weightsOf('slow')).toStrictEqual(weightsOf('unbroken'));
    expect(trained('slow')).toStrictEqual(trained('unbroken'));
  }, 90_000);

  it('ends at once on the second Ctrl-C', async () => {
    const { child, ended } = start(['train', at('stuck.ts')]);
    let said = '';
    child.stderr.on('data', (text) => (said += String(text)));
    await vi.waitFor(() => expect(said).toMatch(/on cpu/), 15_000);
    await new Promise((resolve) => setTimeout(resolve, 1000));
    child.kill('SIGINT');
    await vi.waitFor(() => expect(said).toMatch(/once more: at once/), 10_000);
    child.kill('SIGINT');
    expect((await ended).code).toBe('SIGINT');
  }, 60_000);

  it('says by its exit code whether it was asked for what cannot be, or failed', async () => {
    const set = (...settings: string[]) => ['train', at('line.json'), ...settings.flatMap((each) => ['--set', each])];
    const [key, option, missing, failed, fast] = await Promise.all([
      gradstream(...set('optimizer.learningrate=1')),
      gradstream('train', at('line.json'), '--resum'),
      gradstream('train', at('nowhere.json')),
      gradstream(...set('data.train.file=none.csv', 'run=runs/failed')),
      gradstream('train', at('line.json'), '--fast-dev-run', '--json', '--set', 'run=runs/fast'),
    ]);
    expect(key.stderr).toContain("did you mean 'learningRate'?");
    expect(option.stderr).toContain('Did you mean --resume?');
    expect(missing.stderr).toContain('nowhere.json: the config must be a file that can be read');
    expect(failed.stderr).toMatch(/the file must be readable, .*none.csv/);
    expect([key, option, missing, failed, fast].map(({ code }) => code)).toStrictEqual([2, 2, 2, 1, 0]);
    expect([key, option, missing, failed].map(({ stdout }) => stdout)).toStrictEqual(['', '', '', '']);
    const types = fast.stdout.trim().split('\n').map((text) => (JSON.parse(text) as TrainingEvent).type); // prettier-ignore
    expect(types).toStrictEqual(expect.arrayContaining(['step', 'validation', 'checkpoint', 'end']));
    expect(types.filter((type) => type === 'step')).toHaveLength(2);
    expect(existsSync(at('runs/fast'))).toBe(false);
  }, 60_000);
});
