import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

import { memoryStore } from '../../src/checkpoint/memoryStore.js';
import { retryingStore } from '../../src/checkpoint/retryingStore.js';
import type { CheckpointStore } from '../../src/checkpoint/store.js';
import { ArgumentError } from '../../src/core/errors.js';
import { here, itKeepsTheStoreContract } from './storeContract.js';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

/** A store that is away, and the times at which it was asked. */
function away(failures: number, error = new Error('away')) {
  const below = memoryStore();
  const asked: number[] = [];
  const start = Date.now();
  const failing = <A extends unknown[], R>(work: (...of: A) => Promise<R>) => {
    return async (...of: A): Promise<R> => {
      asked.push(Date.now() - start);
      if (asked.length <= failures) throw error;
      return work(...of);
    };
  };
  const store: CheckpointStore = { save: failing(below.save), list: failing(below.list), load: failing(below.load), remove: failing(below.remove) }; // prettier-ignore
  return { store, asked, below };
}
const files = { 'a.bin': Uint8Array.of(1) };

describe('retryingStore', () => {
  itKeepsTheStoreContract(
    here(() => {
      const store = retryingStore(memoryStore(), { times: 1, delayMs: 1 });
      vi.useRealTimers();
      return { open: () => store, contents: () => store.list() };
    }),
  );

  it('bridges a minute unless told otherwise, waiting twice as long each time', async () => {
    const { store, asked, below } = away(6);
    const saved = retryingStore(store).save('a', files);
    await vi.advanceTimersByTimeAsync(63_000);
    await saved;
    expect(asked).toStrictEqual([0, 1000, 3000, 7000, 15_000, 31_000, 63_000]);
    expect(await below.load('a')).toStrictEqual(files);
  });

  it('rejects as the store does, after the last try', async () => {
    const { store, asked } = away(9);
    const saved = retryingStore(store, { times: 2, delayMs: 10 }).save('a', files);
    const rejected = expect(saved).rejects.toThrow('away');
    await vi.advanceTimersByTimeAsync(1000);
    await rejected;
    expect(asked).toStrictEqual([0, 10, 30]);
  });

  it.each<[string, (store: CheckpointStore) => Promise<unknown>, unknown]>([
    ['lists', (store) => store.list(), ['b']],
    ['loads', (store) => store.load('b'), files],
    ['removes', (store) => store.remove('b'), undefined],
  ])('%s again, too', async (_, work, gives) => {
    const { store, asked, below } = away(1);
    await below.save('b', files);
    const done = work(retryingStore(store, { times: 1, delayMs: 10 }));
    await vi.advanceTimersByTimeAsync(10);
    expect(await done).toStrictEqual(gives);
    expect(asked).toStrictEqual([0, 10]);
  });

  it('does not try again what no try can help', async () => {
    const { store, asked } = away(0);
    await expect(retryingStore(store).load('none')).rejects.toThrow("there must be a checkpoint 'none'");
    await expect(retryingStore(store).save('../x', files)).rejects.toThrow('name');
    expect(asked).toHaveLength(2);
  });

  it('refuses what can never be', () => {
    expect(() => retryingStore(memoryStore(), { times: 0 })).toThrow(ArgumentError);
    expect(() => retryingStore(memoryStore(), { delayMs: 0 })).toThrow(ArgumentError);
  });
});
