import { from as fromSync } from 'ix/asynciterable';
import { concat, lastValueFrom, of, take, throwError } from 'rxjs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { tee } from '../../../operators/tee.js';
import { memoryStore } from '../../../src/checkpoint/memoryStore.js';
import type { TrainingEvent } from '../../../src/core/events.js';
import { fromPull } from '../../../src/core/fromPull.js';
import { mlflow, type MlflowOptions } from '../../../src/sinks/mlflow/mlflow.js';
import { stepEvent, validationEvent } from '../../../src/testing/steps.js';
import { onlyInCi } from '../../support/inCi.js';
import { sinkContract } from '../contract.js';
import { shownOf } from '../trackedScalars.js';
import { missing, startMlflow, type Mlflow } from './server.js';

const end: TrainingEvent = { type: 'end', globalStep: 2, epoch: 1, reason: 'epochs' };
const events: TrainingEvent[] = [
  stepEvent(1, { loss: 2, metrics: { accuracy: 0.5 }, ema: { loss: 2 }, gradientNorm: 3, samplesPerSecond: 100 }),
  stepEvent(2, { loss: 1, metrics: { accuracy: 0.75 }, ema: { loss: 1.9 }, learningRate: 0.05 }),
  validationEvent(2, { loss: 1.25, metrics: { accuracy: 0.7 } }),
  end,
];

/** Gives events as a run does: the next one when all has been done with the last. */
const asRun = (given: Iterable<TrainingEvent> | AsyncIterable<TrainingEvent>) =>
  fromPull<TrainingEvent>(fromSync(given), { prefetch: 0 });

describe.skipIf(missing)(`mlflow on a server${missing}`, () => {
  let server!: Mlflow;
  let experiments = 0;
  beforeAll(async () => {
    server = await startMlflow();
  }, 60_000);
  afterAll(async () => (server as Mlflow | undefined)?.stop());

  const sinkTo = (options: MlflowOptions = {}, experiment = `experiment ${++experiments}`) =>
    mlflow(experiment, options, { url: server.url, delayMs: 10, times: 8 });
  const runsOf = (experiment = `experiment ${experiments}`) => server.runsOf(experiment);
  const newest = async () => (await runsOf()).at(-1)!;
  const run = (sink: ReturnType<typeof mlflow>, given = events) => lastValueFrom(asRun(given).pipe(tee(sink)));

  describe.skipIf(onlyInCi)(`all of it${onlyInCi}`, () =>
    sinkContract('mlflow', {
      make: () => {
        const experiment = `experiment ${++experiments}`;
        return {
          sink: () => sinkTo({}, experiment),
          read: async () => {
            const run = await newest();
            const names = (run.data.metrics ?? []).map(({ key }) => key);
            return Object.fromEntries(await Promise.all(names.map(async (key) => [key, await server.historyOf(run, key)]))) as unknown; // prettier-ignore
          },
          open: async () => ((await newest()).info.status === 'RUNNING' ? 1 : 0),
        };
      },
      holds,
      // Numbers are never taken back there: steps that are trained twice are twice.
      goesOn: false,
    }),
  );

  it('has every number at its step, over one axis, and the run finished', async () => {
    const began = Date.now();
    await run(sinkTo({ run: 'first', tags: { team: 'blue' } }));

    const [run1, ...others] = await runsOf();
    const only = run1!;
    expect(others).toStrictEqual([]);
    expect(only.info).toMatchObject({ run_name: 'first', status: 'FINISHED' });
    expect(only.info.end_time).toBeGreaterThanOrEqual(only.info.start_time);
    expect(only.info.start_time).toBeGreaterThanOrEqual(began);
    expect(only.data.tags).toContainEqual({ key: 'team', value: 'blue' });
    const names = only.data.metrics!.map(({ key }) => key).sort();
    const histories = await Promise.all(names.map(async (name) => [name, await server.historyOf(only, name)]));
    expect(Object.fromEntries(histories)).toStrictEqual({
      'ema/loss': [[1, 2], [2, 1.9]],
      epoch: [[1, 1], [2, 1]],
      'training/accuracy': [[1, 0.5], [2, 0.75]],
      'training/gradientNorm': [[1, 3]],
      'training/learningRate': [[1, 0.1], [2, 0.05]],
      'training/loss': [[1, 2], [2, 1]],
      'training/samplesPerSecond': [[1, 100]],
      'validation/accuracy': [[2, 0.7]],
      'validation/loss': [[2, 1.25]],
    }); // prettier-ignore
  });

  it("is read back by Python's client: numbers, times, parameters, tags, status", async () => {
    const began = Date.now();
    await run(
      sinkTo({
        run: 'read',
        hyperParameters: { optimizer: { name: 'adam', betas: [0.9, 0.999] }, batch: 32, warm: null },
      }),
    );
    const only = await newest();

    const read = (await server.python(
      `(lambda run: dict(status=run.info.status, name=run.info.run_name, params=run.data.params,
        loss=[[m.step, m.value, m.timestamp] for m in client.get_metric_history(run.info.run_id, 'training/loss')]))(client.get_run('${only.info.run_id}'))`,
    )) as { loss: [number, number, number][] };
    expect(read).toMatchObject({
      status: 'FINISHED',
      name: 'read',
      params: { 'optimizer.name': 'adam', 'optimizer.betas': '[0.9,0.999]', batch: '32', warm: 'null' },
      loss: [[1, 2, expect.any(Number)], [2, 1, expect.any(Number)]],
    }); // prettier-ignore
    for (const [, , at] of read.loss) expect(at).toSatisfy((ms: number) => ms >= began && ms <= Date.now());
  });

  it('keeps parameters whole in config.json, and within limits as parameters', async () => {
    const many = Object.fromEntries(Array.from({ length: 205 }, (_, i) => [`p${i}`, i]));
    const hyperParameters = { many, long: 'x'.repeat(7000), 'odd %': '' };
    await run(sinkTo({ hyperParameters }));
    const only = await newest();

    const kept = Object.fromEntries(only.data.params!.map(({ key, value = '' }) => [key, value]));
    expect(Object.keys(kept)).toHaveLength(207);
    expect(kept).toMatchObject({ 'many.p0': '0', 'many.p204': '204', 'odd _': '' });
    expect(kept['long']).toBe(`${'x'.repeat(5999)}…`);
    expect(await server.artifactOf(only, 'config.json')).toStrictEqual(hyperParameters);
  });

  it('uploads a checkpoint that the run has saved', async () => {
    const checkpoints = memoryStore();
    await checkpoints.save('0002-a', { 'w.json': new TextEncoder().encode('{"w":[1,2]}') });
    const saved: TrainingEvent = { type: 'checkpoint', globalStep: 2, epoch: 1, name: '0002-a', reason: 'steps', best: false, skipped: 0 }; // prettier-ignore
    await run(sinkTo({ checkpoints }), [...events.slice(0, 3), saved, end]);

    const only = await newest();
    const listed = await server.get(`mlflow/artifacts/list?run_id=${only.info.run_id}&path=checkpoints/0002-a`);
    expect(listed).toMatchObject({ files: [{ path: 'checkpoints/0002-a/w.json', file_size: 11 }] });
    expect(await server.artifactOf(only, 'checkpoints/0002-a/w.json')).toMatchObject({ w: [1, 2] });
  });

  it('uploads a checkpoint that comes first of all', async () => {
    const checkpoints = memoryStore();
    await checkpoints.save('0', { 'w.json': new TextEncoder().encode('{}') });
    const saved: TrainingEvent = { type: 'checkpoint', globalStep: 0, epoch: 1, name: '0', reason: 'demand', best: false, skipped: 0 }; // prettier-ignore
    await run(sinkTo({ checkpoints }), [saved]);
    expect(await server.artifactOf(await newest(), 'checkpoints/0/w.json')).toStrictEqual({});
  });

  it('passes NaN and the infinities on', async () => {
    const values = [NaN, Infinity, -Infinity, 1];
    await run(
      sinkTo(),
      values.map((loss, i) => stepEvent(i + 1, { loss })),
    );
    const id = (await newest()).info.run_id;
    const read = await server.python(`[str(m.value) for m in client.get_metric_history('${id}', 'training/loss')]`);
    // The database has no infinity; MLflow keeps the largest number there is.
    expect(read).toStrictEqual(['nan', '1.7976931348623157e+308', '-1.7976931348623157e+308', '1.0']);
  });

  it('makes names that MLflow takes', async () => {
    const metrics = { 'top-5 %': 1, 'a//b': 2, '../c': 3, Größe: 4, ['n'.repeat(300)]: 5, '/d/': 6 };
    await run(sinkTo(), [stepEvent(1, { metrics })]);
    const names = (await newest()).data.metrics!.map(({ key }) => key.replace('training/', '')).sort();
    expect(names).toStrictEqual(
      ['_/c', '_/d/_', 'Größe', 'a/_/b', 'epoch', 'learningRate', 'loss', 'n'.repeat(241), 'top-5 _'].sort(),
    );
  });

  it.skipIf(onlyInCi)(`sends many steps in few requests, none lost${onlyInCi}`, async () => {
    let requests = 0;
    const { fetch } = globalThis;
    globalThis.fetch = (...args) => {
      if (String(args[0]).endsWith('log-batch')) requests += 1;
      return fetch(...args);
    };
    try {
      await run(
        sinkTo(),
        Array.from({ length: 1500 }, (_, i) => stepEvent(i + 1, { loss: i })),
      );
    } finally {
      globalThis.fetch = fetch;
    }
    expect(requests).toBeLessThanOrEqual(8); // 4500 numbers
    const history = await server.historyOf(await newest(), 'training/loss');
    expect(history).toStrictEqual(Array.from({ length: 1500 }, (_, i) => [i + 1, i]));
  });

  it('goes on with the newest run of a name', async () => {
    await run(sinkTo({ run: 'it' }));
    await run(sinkTo({ run: "it's", resume: true }, `experiment ${experiments}`)); // there is none
    await run(sinkTo({ run: 'it' }, `experiment ${experiments}`)); // not asked for
    await run(sinkTo({ run: "it's", resume: true }, `experiment ${experiments}`), [stepEvent(3, { loss: 0.5 })]);
    await run(sinkTo({ run: 'it', resume: true }, `experiment ${experiments}`), [stepEvent(3, { loss: 0.25 })]);

    const runs = await runsOf();
    expect(runs.map(({ info }) => [info.run_name, info.status])).toStrictEqual([
      ['it', 'FINISHED'],
      ["it's", 'FINISHED'],
      ['it', 'FINISHED'],
    ]);
    expect(await server.historyOf(runs[1]!, 'training/loss')).toStrictEqual([[1, 2], [2, 1], [3, 0.5]]); // prettier-ignore
    expect(await server.historyOf(runs[2]!, 'training/loss')).toStrictEqual([[1, 2], [2, 1], [3, 0.25]]); // prettier-ignore
    expect(await server.historyOf(runs[0]!, 'training/loss')).toStrictEqual([[1, 2], [2, 1]]); // prettier-ignore
  });

  it('says that a run has failed, and of what', async () => {
    const failing$ = concat(
      of(events[0]!),
      throwError(() => new Error('the loss is NaN')),
    );
    await expect(lastValueFrom(failing$.pipe(tee(sinkTo())))).rejects.toThrow('the loss is NaN');
    expect((await newest()).info.status).toBe('FAILED');
    expect((await newest()).data.tags).toContainEqual({ key: 'error', value: 'the loss is NaN' });
  });

  it('says that a run was unsubscribed, with all that had come', async () => {
    await lastValueFrom(asRun(events).pipe(tee(sinkTo()), take(2)));
    await expect.poll(async () => (await newest()).info.status).toBe('KILLED');
    expect(await server.historyOf((await newest()), 'training/loss')).toStrictEqual([[1, 2], [2, 1]]); // prettier-ignore
  });

  it.skipIf(onlyInCi)(
    `loses no number when the server is killed in mid-run and comes back${onlyInCi}`,
    async () => {
      const steps = (first: number, count: number) =>
        Array.from({ length: count }, (_, i) => stepEvent(first + i, { loss: first + i }));
      let back: Promise<void> | undefined;
      const run$ = asRun(
        (async function* () {
          yield* steps(1, 400);
          await server.kill();
          yield* steps(401, 400);
          back = server.start();
          yield end;
        })(),
      );
      // Python starts slowly: half a minute is bridged.
      const patient = mlflow(`experiment ${++experiments}`, {}, { url: server.url, delayMs: 250, times: 7 });
      await lastValueFrom(run$.pipe(tee(patient)));
      await back;

      const [run1, ...others] = await runsOf();
      const only = run1!;
      expect(others).toStrictEqual([]);
      expect(only.info.status).toBe('FINISHED');
      expect(await server.historyOf(only, 'training/loss')).toStrictEqual(
        steps(1, 800).map(({ loss }) => [loss, loss]),
      );
    },
    60_000,
  );
});

/** MLflow's own stand-ins for what its database cannot hold. */
const kept = (value: number): number | string => (Number.isNaN(value) ? 'NaN' : Math.max(-Number.MAX_VALUE, Math.min(value, Number.MAX_VALUE))); // prettier-ignore

function holds(events: readonly TrainingEvent[]): Record<string, unknown> {
  const all: Record<string, [number, number | string][]> = {};
  for (const event of events)
    for (const [name, value] of Object.entries(shownOf(event)))
      (all[name] ??= []).push([event.globalStep, kept(value)]);
  return all;
}
