import * as tf from '@tensorflow/tfjs';
import { BehaviorSubject, lastValueFrom, tap, toArray } from 'rxjs';
import { afterEach, beforeAll, describe, expect, it, vi } from 'vitest';

import { checkpointEvery } from '../../src/checkpoint/checkpointEvery.js';
import { fromFiles, toFiles } from '../../src/checkpoint/files.js';
import { memoryStore } from '../../src/checkpoint/memoryStore.js';
import { latest } from '../../src/checkpoint/latest.js';
import { CheckpointError } from '../../src/core/errors.js';
import type { CustomModel } from '../../src/core/model.js';
import type { Checkpoint, Held, Json } from '../../src/core/snapshot.js';
import { meanAbsoluteError } from '../../src/metrics/meanAbsoluteError.js';
import { mse } from '../../src/losses/mse.js';
import { adam } from '../../src/optim/adam.js';
import { adamw } from '../../src/optim/adamw.js';
import { sgd } from '../../src/optim/sgd.js';
import { train, type TrainOptions } from '../../src/trainer/train.js';
import { batchesOf } from '../support/line.js';

const W = [0.5, -0.25];
const batches = batchesOf([3, 3, 3, 3, 3]);
const options: TrainOptions = { loss: mse, optimizer: adam({ learningRate: 0.05 }), accumulate: 2, epochs: 2 };

/** y = x·w + b, its variables by name and in any order. */
function named({
  names = ['w', 'b'],
  order = [0, 1],
  shape = [2, 1],
}: { names?: string[]; order?: number[]; shape?: [number, number] } = {}) {
  // prettier-ignore
  const w = tf.tidy(() => tf.variable(tf.tensor2d(W, shape), true, names[0]));
  const b = tf.tidy(() => tf.variable(tf.tensor1d([0.125]), true, names[1]));
  const model: CustomModel = {
    variables: order.map((i) => [w, b][i]!),
    apply: (xs: tf.Tensor2D) => tf.add(tf.matMul(xs, tf.reshape(w, [2, 1])), b),
  };
  return { model, read: () => [w, b].map((each) => [...each.dataSync()]), dispose: () => tf.dispose([w, b]) };
}

/** Trains to the end; gives the events and the weights, or what went wrong and after how many steps. */
async function run(from?: Checkpoint, more: Partial<TrainOptions> = {}, { model, read, dispose } = named()) {
  let steps = 0;
  try {
    const run$ = train(model, batches, { ...options, ...more, from }).pipe(
      tap(({ type }) => (steps += type === 'step' ? 1 : 0)),
    );
    const events = await lastValueFrom(run$.pipe(toArray()));
    return { events: events.map((event) => structuredClone({ ...event })), weights: read() };
  } catch (error) {
    return { error: error as Error, steps };
  } finally {
    dispose();
  }
}

/** The checkpoint before micro-batch 4: a step and half a window. */
async function halfway(more: Partial<TrainOptions> = {}): Promise<Checkpoint> {
  const store = memoryStore();
  const { model, dispose } = named();
  await lastValueFrom(
    train(model, batches, { ...options, ...more }).pipe(checkpointEvery(1, store, { keep: 99, whenBusy: 'wait' })),
  );
  dispose();
  const all = await Promise.all((await store.list()).map(async (name) => fromFiles(await store.load(name))));
  return all[0]!;
}

describe('a run that goes on from a checkpoint', () => {
  let from: Checkpoint;
  beforeAll(async () => {
    from = await halfway();
  });
  afterEach(() => vi.restoreAllMocks());

  it('finds its variables by name, in whatever order they stand now, bit for bit', async () => {
    const { events, weights } = await run(from);
    const turned = await run(from, {}, named({ order: [1, 0] }));
    expect(turned.weights).toStrictEqual(weights);
    expect(turned.events!.length).toBe(events!.length);
  });

  it.each<[string, Parameters<typeof named>[0], string[], RegExp]>([
    ['of other names', { names: ['w', 'c'] }, ['c', 'b'], /it lacks 'c'; it has besides 'b'/],
    [
      'of other shapes',
      { shape: [1, 2] },
      ['w'],
      /of another form are 'w' \(float32 \[1,2\], saved as float32 \[2,1\]\)/,
    ],
    ['with fewer variables', { order: [0] }, ['b'], /it has besides 'b'/],
  ])('is refused for a model %s before its first step, which stays as it is', async (_, other, names, message) => {
    const built = named(other);
    const { error, steps } = await run(from, {}, { ...built, dispose: () => undefined });
    expect(error).toBeInstanceOf(CheckpointError);
    expect(error!.message).toMatch(message);
    expect((error as CheckpointError).names).toStrictEqual(names);
    expect(steps).toBe(0);
    expect(built.read()).toStrictEqual([W, [0.125]]);
    built.dispose();
  });

  it.each<[string, Partial<TrainOptions>, string]>([
    ['another optimizer', { optimizer: sgd() }, 'the optimizer that it was saved with, adam, received sgd'],
    ['one whose state is alike', { optimizer: adamw() }, 'saved with, adam, received adamw'],
  ])('is refused with %s', async (_, more, message) => {
    const { error } = await run(from, more);
    expect(error).toBeInstanceOf(CheckpointError);
    expect(error!.message).toContain(message);
  });

  it('is refused where the optimizer keeps something else now', async () => {
    const saved = await halfway({ optimizer: sgd() });
    const { error } = await run(saved, { optimizer: sgd({ momentum: 0.9 }) });
    expect(error).toBeInstanceOf(CheckpointError);
    expect(error!.message).toMatch(/sgd: .* it lacks 'velocity\/w', 'velocity\/b'/);
  });

  it('is refused with other metrics in mid-window, and goes on with them elsewhere', async () => {
    const between = await run(from, { metrics: { meanAbsoluteError } });
    expect(between.events!.at(0)).toMatchObject({ metrics: { meanAbsoluteError: expect.any(Number) } });
    const half: Record<string, Held> = { ...from.stages, accumulate: {
      data: { options: {}, window: { size: 2, unit: 3, weight: 3, samples: 3, globalStep: 1, microBatches: [{ weight: 3, metrics: [] }] } },
      arrays: {
        'sum/w': { data: new Float32Array(2), shape: [2, 1] },
        'sum/b': { data: new Float32Array(1), shape: [1] },
        '0/loss': { data: Float32Array.of(1), shape: [] },
      },
    } }; // prettier-ignore
    expect((await run({ ...from, stages: half })).error).toBeUndefined();
    const { error } = await run({ ...from, stages: half }, { metrics: { meanAbsoluteError } });
    expect(error).toBeInstanceOf(CheckpointError);
    expect(error!.message).toContain('saved with [], the run has [meanAbsoluteError]');
  });

  it.each<[string, Partial<TrainOptions>]>([
    ['another learning rate', { optimizer: adam({ learningRate: 0.5 }) }],
    ['a schedule', { optimizer: adam({ learningRate: () => 0.5 }) }],
    ['other windows', { accumulate: 3 }],
    ['windows by a schedule', { accumulate: () => 1 }],
    ['a bound', { clipNorm: 0.01 }],
    ['another seed', { seed: 9 }],
  ])('goes on with %s', async (_, more) => {
    const { events, error } = await run(from, more);
    expect(error).toBeUndefined();
    expect(events!.at(0)).toMatchObject({ type: 'step', globalStep: 2 });
    expect(events!.at(-1)).toMatchObject({ type: 'end', reason: 'epochs' });
  });

  it('ends at once if it is to end before where it has come to', async () => {
    const later: Checkpoint = { ...from, stages: { ...from.stages, source: { data: { pass: 7, given: 0 } } } };
    expect((await run(later)).events).toStrictEqual([expect.objectContaining({ type: 'end', globalStep: 1 })]);
  });

  it('says once if it goes on with another engine or version', async () => {
    const said = vi.spyOn(console, 'warn').mockReturnValue();
    await run(from);
    expect(said).not.toHaveBeenCalled();
    const other = { ...from, versions: { ...from.versions, engine: 'node', device: 'TensorFlow 2.21.0, CPU' } };
    await run(other);
    expect(said.mock.calls).toStrictEqual([
      [
        'fromPull: the run goes on with engine cpu (saved with node), device plain JavaScript (saved with TensorFlow 2.21.0, CPU): ' +
          'it need not be equal bit for bit',
      ],
    ]);
  });

  it('says of hyper-parameters that are no numbers what they are', async () => {
    const live = await halfway({ accumulate: () => 2, optimizer: adam({ learningRate: new BehaviorSubject(0.1) }), clipNorm: 3, skipNonFinite: true }); // prettier-ignore
    expect(live.stages).toMatchObject({
      accumulate: { data: { options: { microBatches: 'schedule' } } },
      optimizerStep: { data: { options: { name: 'adam', learningRate: 'observable' } } },
      clipByGlobalNorm: { data: { options: { maxNorm: 3 } } },
      skipNonFinite: { data: { options: {} } },
    });
  });

  it('runs or is refused, whatever its stages hold', async () => {
    const store = memoryStore();
    await store.save('1', await toFiles(from));
    const whole = (await latest(store))!;
    const hostile: Json[] = [null, -1, 0.5, 'x', [{}]];
    let [taken, refused] = [0, 0];
    for (const [stage, { data, arrays }] of Object.entries(whole.stages)) {
      for (const place of placesIn(data as Json))
        for (const value of hostile) {
          const held = { ...(arrays && { arrays }), data: put(data as Json, place, value) };
          const { error } = await run({ ...whole, stages: { ...whole.stages, [stage]: held } }, { epochs: 1 });
          if (error) expect(error).toBeInstanceOf(CheckpointError);
          if (error) refused += 1;
          else taken += 1;
        }
    }
    expect(taken).toBeGreaterThan(20); // what a run was told is not what it goes on with
    expect(refused).toBeGreaterThan(20);
  });
});

function placesIn(data: Json, at: readonly string[] = []): (readonly string[])[] {
  if (typeof data !== 'object' || data === null) return [at];
  return [at, ...Object.entries(data).flatMap(([key, value]) => placesIn(value as Json, [...at, key]))];
}

function put(data: Json, [key, ...rest]: readonly string[], value: Json): Json {
  if (key === undefined) return value;
  const inside = data as Record<string, Json>;
  return { ...inside, [key]: put(inside[key]!, rest, value) };
}
