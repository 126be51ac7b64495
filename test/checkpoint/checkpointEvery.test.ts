import { lastValueFrom, of, take, tap, toArray } from 'rxjs';
import { describe, expect, it, vi } from 'vitest';

import { checkpointEvery } from '../../src/checkpoint/checkpointEvery.js';
import { latest } from '../../src/checkpoint/latest.js';
import { memoryStore } from '../../src/checkpoint/memoryStore.js';
import type { CheckpointStore, Files } from '../../src/checkpoint/store.js';
import { ArgumentError, CheckpointError } from '../../src/core/errors.js';
import { stepEvent } from '../../src/testing/index.js';
import { line } from '../support/line.js';
import { network, runOf, weightsOf } from './support.js';

const EPOCHS = 4;

async function trained(store: CheckpointStore, every: number, from?: Awaited<ReturnType<typeof latest>>) {
  const model = network();
  const events = await lastValueFrom(
    runOf(model, EPOCHS, from).pipe(checkpointEvery(every, store, { keep: 50 }), toArray()),
  );
  const weights = weightsOf(model);
  model.dispose();
  return { events: events.map((event) => structuredClone({ ...event })), weights };
}

describe('checkpointEvery', () => {
  it('saves what a run goes on from, bit for bit, whichever of them it is', async () => {
    const store = memoryStore();
    const whole = await trained(store, 2);
    const names = await store.list();
    expect(names).toStrictEqual(
      [2, 4, 6, 8, 10, 12].map((step) => expect.stringContaining(`000000000${step}`.slice(-10))),
    );
    for (const name of names) {
      const one = memoryStore();
      await one.save(name, await store.load(name));
      const from = await latest(one);
      const rest = await trained(memoryStore(), 2, from);
      expect(rest.events).toStrictEqual(whole.events.filter(({ globalStep, type }) => globalStep > from!.globalStep || type === 'end')); // prettier-ignore
      expect(rest.weights).toStrictEqual(whole.weights);
    }
  });

  it('keeps the newest only', async () => {
    const store = memoryStore();
    const model = network();
    await lastValueFrom(runOf(model, 2).pipe(checkpointEvery(1, store, { keep: 2 })));
    model.dispose();
    expect(await store.list()).toStrictEqual([
      expect.stringMatching('^0000000005-'),
      expect.stringMatching('^0000000006-'),
    ]);
  });

  it('lets training go on while a slow store writes, and ends the run when it has', async () => {
    const seen: string[] = [];
    const store = { ...memoryStore(), save: () => new Promise<void>((resolve) => setTimeout(() => (seen.push('saved'), resolve()), 30)) }; // prettier-ignore
    const model = network();
    await lastValueFrom(
      runOf(model, 1).pipe(checkpointEvery(1, store), tap({ next: ({ type }) => seen.push(type), complete: () => seen.push('complete') })), // prettier-ignore
    );
    model.dispose();
    expect(seen).toStrictEqual(['step', 'step', 'step', 'end', 'saved', 'saved', 'saved', 'complete']);
  });

  it('sends on what the store says', async () => {
    const store = { ...memoryStore(), save: () => Promise.reject(new Error('disk full')) };
    const model = network();
    await expect(lastValueFrom(runOf(model, 9).pipe(checkpointEvery(1, store)))).rejects.toThrow('disk full');
    await new Promise(setImmediate); // what had been copied by then is freed
    model.dispose();
  });

  it('finishes what it has begun when nobody listens any more', async () => {
    const store = memoryStore();
    const model = network();
    await lastValueFrom(runOf(model, 9).pipe(checkpointEvery(1, store), take(3)));
    await vi.waitFor(async () => expect(await store.list()).toHaveLength(2));
    model.dispose();
  });

  it('refuses what can never be', () => {
    expect(() => checkpointEvery(0, memoryStore())).toThrow(ArgumentError);
    expect(() => checkpointEvery(1, memoryStore(), { keep: 0 })).toThrow('keep');
  });

  it('needs a run', async () => {
    const event$ = of(stepEvent(1)).pipe(checkpointEvery(1, memoryStore()));
    await expect(lastValueFrom(event$)).rejects.toThrow(ArgumentError);
  });
});

describe('latest', () => {
  const some = async (): Promise<CheckpointStore> => {
    const store = memoryStore();
    const model = network();
    await lastValueFrom(runOf(model, 2).pipe(checkpointEvery(2, store)));
    model.dispose();
    return store;
  };
  const changed = async (store: CheckpointStore, change: (files: Record<string, Uint8Array>) => void) => {
    const newest = (await store.list()).at(-1)!;
    const files: Record<string, Uint8Array> = { ...(await store.load(newest)) };
    change(files);
    await store.save(newest, files as Files);
  };
  const edited = (bytes: Uint8Array, from: string, to: string): Uint8Array =>
    new TextEncoder().encode(new TextDecoder().decode(bytes).replace(from, to));

  it('is undefined if there is none', async () => {
    expect(await latest(memoryStore())).toBeUndefined();
  });

  it.each<[string, (files: Record<string, Uint8Array>) => void, string]>([
    ['cut off', (files) => (files['model.safetensors'] = files['model.safetensors']!.slice(0, -1)), 'other bytes'],
    ['flipped in one bit', (files) => (files['state.safetensors']![100]! ^= 1), 'other bytes'],
    ['without a file', (files) => delete files['model.safetensors'], 'must have the file model.safetensors'],
    ['without its state', (files) => delete files['state.json'], 'must have the file state.json'],
    ['of text', (files) => (files['state.json'] = edited(files['state.json']!, '{', 'x')), 'JSON'],
    [
      'of a newer format',
      (files) => (files['state.json'] = edited(files['state.json']!, '"format": 1', '"format": 2')),
      'update gradstream',
    ],
    [
      'without its step',
      (files) => (files['state.json'] = edited(files['state.json']!, '"globalStep"', '"step"')),
      "run's state",
    ],
  ])('refuses a checkpoint that is %s, or takes the one before', async (_, change, message) => {
    const store = await some();
    await changed(store, change);
    await expect(latest(store)).rejects.toThrow(CheckpointError);
    await expect(latest(store)).rejects.toThrow(message);
    expect(await latest(store, { orPrevious: true })).toMatchObject({ globalStep: 4 });
  });

  it('refuses another model', async () => {
    const from = await latest(await some());
    const { fromPull } = await import('../../src/core/fromPull.js');
    const { forward } = await import('../../operators/forward.js');
    const model = line();
    const run$ = fromPull([{ xs: { data: new Float32Array(2), shape: [1, 2] }, ys: { data: new Float32Array(1), shape: [1, 1] } }], { epochs: 9, from: { ...from!, stages: { model: from!.stages['model']! } } }); // prettier-ignore
    await expect(lastValueFrom(run$.pipe(forward(model, () => undefined as never)))).rejects.toThrow(
      'of the same model',
    );
    model.dispose();
  });
});
