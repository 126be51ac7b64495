import { lastValueFrom, of, take, tap, toArray } from 'rxjs';
import { describe, expect, it, vi } from 'vitest';

import { checkpointEvery } from '../../src/checkpoint/checkpointEvery.js';
import { latest } from '../../src/checkpoint/latest.js';
import { memoryStore } from '../../src/checkpoint/memoryStore.js';
import type { CheckpointStore } from '../../src/checkpoint/store.js';
import { ArgumentError } from '../../src/core/errors.js';
import { stepEvent } from '../../src/testing/index.js';
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
