import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { blobStore } from '../../src/checkpoint/blobStore.js';
import type { Blobs } from '../../src/checkpoint/blobs.js';
import { inTurn } from '../../src/checkpoint/inTurn.js';
import type { CheckpointStore, Files } from '../../src/checkpoint/store.js';
import { here, itKeepsTheStoreContract } from './storeContract.js';

/** Blobs in memory. After `calls` calls the process is killed: the last one may have been done, or a file made and nothing written. */
function blobsIn(kept: Map<string, Uint8Array>, calls = Infinity, last: 'undone' | 'done' | 'empty' = 'undone'): Blobs {
  let left = calls;
  const call = async <T>(work: () => T, emptied?: () => void): Promise<T> => {
    left -= 1;
    if (left > 0) return work();
    if (left === 0 && last === 'done') work();
    if (left === 0 && last === 'empty') emptied?.();
    throw new Error('killed');
  };
  return {
    write: (key, bytes) =>
      call(
        () => void kept.set(key, new Uint8Array(bytes)),
        () => {
          if (!kept.has(key)) kept.set(key, new Uint8Array());
        },
      ),
    read: (key) => call(() => kept.get(key)?.slice()),
    delete: (key) => call(() => void kept.delete(key)),
    sizes: () => call(() => new Map([...kept].map(([key, { length }]) => [key, length]))),
    alone: inTurn(),
  };
}

const files = (n: number): Files => ({ 'a.bin': Uint8Array.of(n, n), 'b.json': new Uint8Array(), 'c.bin': Uint8Array.of(n) }); // prettier-ignore
const loaded = async (store: CheckpointStore): Promise<Record<string, Files>> => {
  const names = await store.list();
  return Object.fromEntries(await Promise.all(names.map(async (name) => [name, await store.load(name)] as const)));
};

describe('blobStore', () => {
  itKeepsTheStoreContract(
    here(() => {
      const kept = new Map<string, Uint8Array>();
      return { open: () => blobStore('blobs', blobsIn(kept)), contents: async () => [...kept.keys()].sort() };
    }),
  );

  const change = fc.record({ name: fc.constantFrom('a', 'b', 'c'), n: fc.option(fc.nat(99)) });

  it('has each checkpoint as it was or as it should be, wherever the process is killed, and nothing is left lying (property)', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(change, { maxLength: 6 }),
        change,
        fc.integer({ min: 1, max: 14 }),
        fc.constantFrom('undone' as const, 'done' as const, 'empty' as const),
        async (before, cut, calls, last) => {
          const kept = new Map<string, Uint8Array>([['notes.txt', new Uint8Array(1)]]);
          const does = (store: CheckpointStore, { name, n }: typeof cut): Promise<void> =>
            n === null ? store.remove(name) : store.save(name, files(n));
          const whole = (): CheckpointStore => blobStore('blobs', blobsIn(kept));
          for (const each of before) await does(whole(), each);
          const old = await loaded(whole());
          const { [cut.name]: _, ...others } = old;
          const wanted = cut.n === null ? others : { ...others, [cut.name]: files(cut.n) };

          const killed = await does(blobStore('blobs', blobsIn(kept, calls, last)), cut).then(() => false, () => true); // prettier-ignore
          const now = await loaded(whole());
          expect(killed ? [old, wanted] : [wanted]).toContainEqual(now);

          await whole().save('b', files(100));
          expect(await loaded(whole())).toStrictEqual({ ...now, b: files(100) });
          await whole().remove('b');
          await whole().save('b', files(100));
          if (!killed) expect(kept.size).toBe(1 + 4 * Object.keys({ ...now, b: 0 }).length);
          for (const name of ['a', 'b', 'c']) await whole().remove(name);
          expect([...kept.keys()]).toStrictEqual(['notes.txt']);
        },
      ),
      { numRuns: 300 },
    );
  });

  it('lists no checkpoint of which the index is made but not written, and clears all of it with the next save', async () => {
    const kept = new Map<string, Uint8Array>();
    await expect(blobStore('blobs', blobsIn(kept, 5, 'empty')).save('a', files(1))).rejects.toThrow('killed');
    expect([...kept.keys()]).toContain('a.checkpoint.json');
    const store = blobStore('blobs', blobsIn(kept));
    expect(await store.list()).toStrictEqual([]);
    await store.save('b', files(2));
    expect([...kept.keys()].filter((key) => key.startsWith('a'))).toStrictEqual([]);
  });

  it('refuses a checkpoint of which a file is gone or has another size', async () => {
    const kept = new Map<string, Uint8Array>();
    const store = blobStore('blobs', blobsIn(kept));
    await store.save('a', files(1));
    const key = [...kept.keys()].find((each) => each.endsWith('a.bin'))!;
    kept.set(key, Uint8Array.of(1));
    await expect(store.load('a')).rejects.toThrow("blobs: checkpoint 'a' must have 2 bytes in a.bin, it has 1");
    kept.delete(key);
    await expect(store.load('a')).rejects.toThrow('it has none');
  });

  it('reads no file that is larger than it should be', async () => {
    const kept = new Map<string, Uint8Array>();
    const read: string[] = [];
    const blobs = blobsIn(kept);
    const store = blobStore('blobs', { ...blobs, read: (key) => (read.push(key), blobs.read(key)) });
    await store.save('a', files(1));
    kept.set(
      [...kept.keys()].find((each) => each.endsWith('a.bin'))!,
      new Uint8Array(1000),
    );
    await expect(store.load('a')).rejects.toThrow('must have 2 bytes in a.bin, it has 1000');
    expect(read.filter((key) => key.endsWith('a.bin'))).toStrictEqual([]);
  });

  it.each<[string, (index: { generation: string; files: [string, number][] }) => object]>([
    ['lists a file twice', ({ files, ...rest }) => ({ ...rest, files: [...files, files[0]] })],
    ['leads elsewhere by its generation', (index) => ({ ...index, generation: '../../b' })],
    ['leads elsewhere by a file', (index) => ({ ...index, files: [['../a.bin', 2]] })],
    ['has a file of less than nothing', (index) => ({ ...index, files: [['a.bin', -1]] })],
    ['has a file of half a byte', (index) => ({ ...index, files: [['a.bin', 0.5]] })],
  ])('takes an index for none that %s', async (_, forged) => {
    const kept = new Map<string, Uint8Array>();
    const store = blobStore('blobs', blobsIn(kept));
    await store.save('a', files(1));
    const index = JSON.parse(new TextDecoder().decode(kept.get('a.checkpoint.json'))) as never;
    kept.set('a.checkpoint.json', new TextEncoder().encode(JSON.stringify(forged(index))));
    await expect(store.load('a')).rejects.toThrow("blobs: there must be a checkpoint 'a'");
  });

  it('takes an index that cannot be read for none, and saves over it', async () => {
    const kept = new Map<string, Uint8Array>();
    const store = blobStore('blobs', blobsIn(kept));
    await store.save('a', files(1));
    kept.set('a.checkpoint.json', Uint8Array.of(123));
    await expect(store.load('a')).rejects.toThrow("blobs: there must be a checkpoint 'a'");
    await store.save('a', files(2));
    expect(await store.load('a')).toStrictEqual(files(2));
    expect(kept.size).toBe(4);
  });

  it.each(['-a', '_a', '0.b-c_d'])('gives back a file called %s', async (file) => {
    const store = blobStore('blobs', blobsIn(new Map()));
    await store.save('a', { [file]: Uint8Array.of(7) });
    expect(await store.load('a')).toStrictEqual({ [file]: Uint8Array.of(7) });
  });

  it('never touches what is not its own', async () => {
    const kept = new Map(['a.json', 'a.bin', 'x.y.z', 'a.checkpoint.json.bak', 'a.0.b'].map((key) => [key, new Uint8Array(1)])); // prettier-ignore
    const others = [...kept.keys()];
    const store = blobStore('blobs', blobsIn(kept));
    expect(await store.list()).toStrictEqual([]);
    await store.save('a', files(1));
    await store.remove('a');
    expect([...kept.keys()]).toStrictEqual(others);
  });
});
