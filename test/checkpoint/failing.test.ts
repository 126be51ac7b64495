import { materialize, lastValueFrom, map, toArray, type Observable } from 'rxjs';
import { describe, expect, it } from 'vitest';

import { checkpointEvery, type CheckpointOptions } from '../../src/checkpoint/checkpointEvery.js';
import type { Every } from '../../src/checkpoint/cadence.js';
import { latest } from '../../src/checkpoint/latest.js';
import { memoryStore } from '../../src/checkpoint/memoryStore.js';
import type { CheckpointStore } from '../../src/checkpoint/store.js';
import { StoreError } from '../../src/checkpoint/storeError.js';
import type { Batch } from '../../src/core/batch.js';
import type { TrainingEvent } from '../../src/core/events.js';
import { adam } from '../../src/optim/adam.js';
import { train, type TrainOptions } from '../../src/trainer/train.js';
import { batchesOf, line, squaredError, type Line } from '../support/line.js';

const SIZES = [2, 2, 2, 1];
/** Fails after so many batches. */
const failingAfter = (count: number) =>
  function* (): Generator<Batch> {
    yield* batchesOf(SIZES).slice(0, count);
    throw new Error('disk gone');
  };
const start = (model: Line, source: (epoch: number) => Iterable<Batch>, more: Partial<TrainOptions> = {}) =>
  train(model, source, { loss: squaredError, optimizer: adam({ learningRate: 0.05 }), ...more });

/** What is emitted in turn: '2' for a step, 'C2 steps' for a checkpoint, and what the error says. */
const said = (events$: Observable<TrainingEvent>): Promise<string[]> =>
  lastValueFrom(
    events$.pipe(
      materialize(),
      map((each) => {
        if (each.kind === 'E') return String(each.error);
        if (each.kind === 'C') return 'complete';
        const { type, globalStep } = each.value!;
        return each.value!.type === 'checkpoint'
          ? `C${globalStep} ${each.value!.reason}`
          : `${type === 'step' ? '' : type}${globalStep}`;
      }),
      toArray(),
    ),
  );
const disk = (after: number): string =>
  `SourceError: fromPull: the source must go on, it failed after ${after} batches: disk gone`;

async function failing(after: number, every: Every, store: CheckpointStore, more: CheckpointOptions = {}) {
  const model = line();
  const seen = await said(start(model, failingAfter(after)).pipe(checkpointEvery(every, store, more)));
  model.dispose();
  return seen;
}

describe('a run whose source fails', () => {
  it('saves what is due at the very step after which it fails, then sends the error on', async () => {
    const store = memoryStore();
    expect(await failing(2, 2, store)).toStrictEqual(['1', '2', 'C2 steps', disk(2)]);
    expect(await store.list()).toStrictEqual(['0000000002-0000000002']);
  });

  it('saves its last state, though nothing is due', async () => {
    const store = memoryStore();
    expect(await failing(3, 2, store)).toStrictEqual(['1', '2', '3', 'C2 steps', 'C3 end', disk(3)]);
    expect(await latest(store)).toMatchObject({
      globalStep: 3,
      stages: { source: { data: { pass: 1, given: 3 } } },
    });
  });

  it('saves what was due while the store was busy', async () => {
    const inner = memoryStore();
    const save: CheckpointStore['save'] = async (name, files) => {
      await new Promise((resolve) => setTimeout(resolve, 20));
      return inner.save(name, files);
    };
    const seen = await failing(3, 1, { ...inner, save });
    expect(seen.filter((each) => !each.startsWith('C'))).toStrictEqual(['1', '2', '3', disk(3)]);
    expect(seen.at(-1)).toBe(disk(3));
    expect(await latest(inner)).toMatchObject({ globalStep: 3 });
  });

  it('goes on, once the source does, as if it had never failed; also between two epochs, in mid-window', async () => {
    const whole = line();
    const options = { accumulate: 3, epochs: 2 };
    await lastValueFrom(start(whole, () => batchesOf(SIZES), options));
    const store = memoryStore();
    const model = line();
    const source = (epoch: number) => (epoch === 2 ? failingAfter(0)() : batchesOf(SIZES));
    const run$ = start(model, source, options).pipe(checkpointEvery(100, store));
    expect((await said(run$)).at(-1)).toBe(disk(4));
    const from = await latest(store);
    expect(from).toMatchObject({ globalStep: 1, microStep: 4 });
    await lastValueFrom(start(model, () => batchesOf(SIZES), { ...options, from }));
    expect(model.read()).toStrictEqual(whole.read());
    [model, whole].forEach((each) => each.dispose());
  });

  it('tells of both, if that cannot be saved either', async () => {
    const full = new StoreError('disk full', 'memory', '2');
    const store = { ...memoryStore(), save: () => Promise.reject(full) };
    const model = line();
    const run$ = start(model, failingAfter(2)).pipe(checkpointEvery(2, store));
    const error: unknown = await lastValueFrom(run$).catch((each: unknown) => each);
    model.dispose();

    expect(error).toBeInstanceOf(AggregateError);
    expect(error).toMatchObject({
      message: disk(2).replace('SourceError: ', ''),
      errors: [{ name: 'SourceError' }, full],
    });
  });
});

it('a run whose store fails says just that', async () => {
  const full = new StoreError('disk full', 'memory', '2');
  const model = line();
  for (const every of [1, 100]) {
    const store = { ...memoryStore(), save: () => Promise.reject(full) };
    const run$ = start(model, () => batchesOf(SIZES)).pipe(checkpointEvery(every, store, { whenBusy: 'wait' }));
    expect(await lastValueFrom(run$).catch((each: unknown) => each)).toBe(full);
  }
  model.dispose();
});

it('an error of the model waits until what is being written is there, and its checkpoint is told of', async () => {
  const store = memoryStore();
  const model = line();
  let passes = 0;
  const apply: Line['apply'] = (...given) => {
    passes += 1;
    if (passes === 3) throw new Error('no');
    return model.apply(...given);
  };
  const seen = await said(start({ ...model, apply }, () => batchesOf(SIZES)).pipe(checkpointEvery(2, store)));
  model.dispose();
  expect(seen).toStrictEqual(['1', '2', 'C2 steps', expect.stringContaining('BatchError')]);
});
