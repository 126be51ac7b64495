import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';

import type { TrainingEvent } from '../../src/core/events.js';
import { stepEvent } from '../../src/testing/steps.js';
import { eventLine } from '../../src/trainer/eventLine.js';
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
  data: {
    train: { ...file, shuffle: 1 },
    validation: { ...file, batch: 8 },
    test: { file: 'inputs.csv', xs: ['x'], batch: 8 },
  },
  loss: 'mse',
  optimizer: { name: 'adam', learningRate: 0.1 },
  metrics: ['mae'],
  accumulate: 3,
  steps: 12,
  validateEvery: 5,
  operators: [{ ema: ['loss', { alpha: 0.1 }] }],
  engine: 'cpu',
};
/** Batches that come slowly, a model of code. */
const slow = (operators = '[]') => `
import * as rxjs from ${JSON.stringify(rxjs)};
const column = (data) => ({ data: Float32Array.from(data), shape: [data.length, 1] });
export default {
  model: (tf) => {
    const w = tf.variable(tf.tensor2d([[1]]), true, 'w');
    return { variables: [w], apply: (xs) => tf.matMul(xs, w) };
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
  const points = Array.from({ length: 18 }, (_, i) => [Math.sin(i), 2 * Math.sin(i) + 1]);
  writeFileSync(at('line.csv'), ['x,y', ...points.map(([x, y]) => `${x},${y}`), ''].join('\n'));
  writeFileSync(at('inputs.csv'), ['x', ...points.map(([x]) => x), ''].join('\n'));
  writeFileSync(at('model.json'), JSON.stringify({ modelTopology: topology }));
  writeFileSync(at('line.json'), JSON.stringify(line));
  writeFileSync(at('slow.mjs'), slow());
  writeFileSync(at('common.ts'), slow());
  writeFileSync(at('unbroken.mts'), slow().replace('(data)', '(data: number[])').replace('(tf)', '(tf: any)'));
  writeFileSync(at('stuck.mjs'), slow('[rxjs.concatMap(() => rxjs.NEVER)]'));
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
    // The progress, and no advice of TensorFlow.js's.
    expect(stderr).toMatch(/^.*runs\/line +on cpu: plain JavaScript\n(step .*\n)+$/);
    expect(stdout).toMatch(
      /^run +.*runs\/line\nsteps +12, in epoch 6; ended by steps\nloss +loss .*\nvalidation .*at step 10\ncheckpoint +0000000012/,
    );
    expect(code).toBe(0);
    expect(readdirSync(at('runs/line')).sort()).toStrictEqual(['checkpoints', 'config.json', 'events.jsonl']);
    expect(JSON.parse(readFileSync(at('runs/line/config.json'), 'utf8'))).toStrictEqual(line);
    expect(eventsOf('line').map(({ type }) => type).join(' ')).toBe(`${'step '.repeat(5)}validation ${'step '.repeat(5)}validation step step checkpoint end`); // prettier-ignore

    const [again, spared, evaluated, predicted, unlabelled, unknown, table, csv, chart] = await Promise.all([
      gradstream('train', at('line.json')),
      gradstream('train', at('line.json'), '--overwrite', '--set', 'model=none.json'),
      gradstream('evaluate', at('line.json'), '--json'),
      gradstream('predict', at('line.json')),
      gradstream('predict', at('line.json'), '--data', 'test'),
      gradstream('evaluate', at('line.json'), '--data', 'test'),
      gradstream('logs', at('runs/line'), '--alpha', '0.5', '--every', '5'),
      gradstream('logs', at('runs/line/events.jsonl'), '--format', 'csv', '--columns', 'globalStep,validation.loss'),
      gradstream('logs', at('runs/line'), '--format', 'chart'),
    ]);
    expect(again).toMatchObject({ code: 2, stdout: '' });
    expect(again.stderr).toMatch(/holds a run already: --resume/);
    expect(spared).toMatchObject({ code: 2, stdout: '' });
    expect(eventsOf('line')).toHaveLength(16); // nothing of it goes for a run that cannot begin
    expect(unlabelled).toMatchObject({ code: 0, stdout: predicted.stdout });
    expect(unknown.stderr).toMatch(/--data test: it must have labels, ys in data.test/);
    expect(unknown.code).toBe(2);
    const { loss, metrics, samples, globalStep } = JSON.parse(evaluated.stdout) as never;
    expect({ samples, globalStep }).toStrictEqual({ samples: 18, globalStep: 12 });
    const predictions = predicted.stdout.trim().split('\n').map((text) => (JSON.parse(text) as number[])[0]!); // prettier-ignore
    const errors = predictions.map((value, i) => value - (2 * Math.sin(i) + 1));
    expect(errors.reduce((sum, error) => sum + error ** 2, 0) / 18).toBeCloseTo(loss, 5);
    expect(errors.reduce((sum, error) => sum + Math.abs(error), 0) / 18).toBeCloseTo(metrics['mae'], 5);
    const [header, ...rows] = table.stdout.trim().split('\n').map((text) => text.trim().split(/ +/)); // prettier-ignore
    expect(header).toStrictEqual(expect.arrayContaining(['globalStep', 'loss', 'mae', 'ema.loss', 'validation.loss']));
    expect(rows.map(([step]) => step)).toStrictEqual(['5', '10', '12']);
    expect(table.stdout).toMatch(/ {2}checkpoint 0000000012-\d+; ended by steps\n$/);
    expect(csv.stdout).toMatch(/^globalStep,validation.loss\n1,\n(.*\n){3}5,0?\.?\d[\d.]*\n/);
    expect(chart.stdout).toMatch(/ema.loss[^]*validation.loss/);
    expect([evaluated, predicted, table, csv, chart].map(({ code }) => code)).toStrictEqual([0, 0, 0, 0, 0]);
  }, 60_000);

  it('goes on with --resume: the run that was never stopped, bit for bit, on wasm', async () => {
    const on = (run: string, ...more: string[]) =>
      gradstream('train', at('line.json'), '--engine', 'wasm', '--set', `run=runs/${run}`, ...more);
    const [whole, part] = await Promise.all([on('whole'), on('parts', '--set', 'steps=7', '--resume')]);
    expect([whole.code, part.code]).toStrictEqual([0, 0]);
    const resumed = await on('parts', '--resume', '--json');
    expect(JSON.parse(resumed.stdout.split('\n')[0]!)).toMatchObject({ type: 'step', globalStep: 8 });
    expect(resumed.stderr).toMatch(/on wasm: .*from step 7 on/);
    expect(resumed.code).toBe(0);
    expect(weightsOf('parts')).toStrictEqual(weightsOf('whole'));
    expect(trained('parts')).toStrictEqual(trained('whole'));
  }, 60_000);

  it('ends after the step when it is told to, saves, and goes on as if nothing had been', async () => {
    const whole = gradstream('train', at('unbroken.mts')); // the same, in TypeScript
    const resumed = () => start(['train', at('slow.mjs'), '--resume', '--json']);
    const ways: readonly [number, (child: ReturnType<typeof start>['child']) => unknown][] = [
      [130, (child) => child.kill('SIGINT')],
      [143, (child) => child.kill('SIGTERM')],
      [141, (child) => child.stdout.destroy()], // as `head` does when it has seen enough
    ];
    for (const [code, tell] of ways) {
      const { child, ended, lines } = resumed();
      await vi.waitFor(() => expect(lines()).toBeGreaterThan(2), 15_000);
      tell(child);
      const { stderr, ...how } = await ended;
      expect(how).toMatchObject({ code });
      if (code !== 141) expect(stderr).toMatch(/ends after this step, and saves/);
      expect(stderr).not.toMatch(/EPIPE|^ +at /m);
      expect(eventsOf('slow').slice(-2)).toMatchObject([{ type: 'checkpoint' }, { type: 'end', reason: 'until' }]);
    }
    const cut = eventsOf('slow').at(-1)!.globalStep;
    expect(cut).toBeLessThan(50);
    const { code, stdout } = await resumed().ended;
    expect(code).toBe(0);
    expect((JSON.parse(stdout.split('\n')[0]!) as TrainingEvent).globalStep).toBe(cut + 1);
    expect((await whole).code).toBe(0);
    expect(weightsOf('slow')).toStrictEqual(weightsOf('unbroken'));
    expect(trained('slow')).toStrictEqual(trained('unbroken'));
  }, 90_000);

  it.each(['table', 'jsonl'])(
    'ends without a word when nobody reads its %s any more',
    async (format) => {
      const lines = Array.from({ length: 9000 }, (_, i) => `${eventLine(stepEvent(i + 1))}\n`);
      writeFileSync(at('long.jsonl'), lines.join('')); // more than a pipe holds
      const { child, ended } = start(['logs', at('long.jsonl'), '--format', format]);
      child.stdout.once('data', () => child.stdout.destroy());

      expect(await ended).toMatchObject({ code: 141, stderr: '' });
    },
    60_000,
  );

  it('ends at once on the second Ctrl-C', async () => {
    const { child, ended, said } = start(['train', at('stuck.mjs')]);
    await vi.waitFor(() => expect(said()).toMatch(/on cpu/), 15_000);
    await new Promise((resolve) => setTimeout(resolve, 500));
    child.kill('SIGINT');
    await vi.waitFor(() => expect(said()).toMatch(/once more: at once/), 10_000);
    child.kill('SIGINT');
    expect((await ended).code).toBe('SIGINT'); // of which shells make 130
  }, 60_000);

  it('says by its exit code whether it was asked for what cannot be, or failed', async () => {
    const set = (...settings: string[]) => ['train', at('line.json'), ...settings.flatMap((each) => ['--set', each])];
    const [key, option, missing, common, failed, fast] = await Promise.all([
      gradstream(...set('optimizer.learningrate=1')),
      gradstream('train', at('line.json'), '--resum'),
      gradstream('train', at('nowhere.json')),
      gradstream('train', at('common.ts')),
      gradstream(...set('data.train.file=none.csv', 'run=runs/failed')),
      gradstream('train', at('line.json'), '--fast-dev-run', '--json', '--set', 'run=runs/fast'),
    ]);
    expect(key.stderr).toContain("did you mean 'learningRate'?");
    expect(option.stderr).toContain('Did you mean --resume?');
    expect(missing.stderr).toContain('nowhere.json: the config must be a file that can be read');
    expect(common.stderr).toContain('common.ts: Node takes it for CommonJS: name it .mts');
    expect(failed.stderr).toMatch(/the file must be readable, .*none.csv/);
    expect([key, option, missing, common, failed, fast].map(({ code }) => code)).toStrictEqual([2, 2, 2, 2, 1, 0]);
    expect([key, option, missing, common, failed].map(({ stdout }) => stdout)).toStrictEqual(['', '', '', '', '']);
    const types = fast.stdout.trim().split('\n').map((text) => (JSON.parse(text) as TrainingEvent).type); // prettier-ignore
    expect(types).toStrictEqual(expect.arrayContaining(['step', 'validation', 'checkpoint', 'end']));
    expect(types.filter((type) => type === 'step')).toHaveLength(2);
    expect(existsSync(at('runs/fast'))).toBe(false);
  }, 60_000);
});
