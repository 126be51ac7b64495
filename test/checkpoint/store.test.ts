import { chmodSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';

import { fileStore } from '../../src/checkpoint/fileStore.js';
import { memoryStore } from '../../src/checkpoint/memoryStore.js';
import type { CheckpointStore, Files } from '../../src/checkpoint/store.js';
import { CheckpointError } from '../../src/core/errors.js';

const folders: string[] = [];
const folder = (): string => folders[folders.push(mkdtempSync(join(tmpdir(), 'gradstream-store-'))) - 1]!;
afterEach(() => folders.splice(0).forEach((each) => rmSync(each, { recursive: true })));

const stores: Record<string, () => CheckpointStore> = {
  memoryStore,
  fileStore: () => fileStore(join(folder(), 'runs', 'first')),
};
const files = (n: number): Files => ({ 'a.bin': Uint8Array.of(n, 2, 3), 'b.json': new Uint8Array() });

describe.each(Object.entries(stores))('%s', (_, make) => {
  it('is empty at first', async () => {
    expect(await make().list()).toStrictEqual([]);
  });

  it('gives back what was saved, in order of the names', async () => {
    const store = make();
    await store.save('0002', files(2));
    await store.save('0001', files(1));
    expect(await store.list()).toStrictEqual(['0001', '0002']);
    expect(await store.load('0002')).toStrictEqual(files(2));
  });

  it('replaces what has the same name, whole', async () => {
    const store = make();
    await store.save('0001', { ...files(1), 'c.bin': Uint8Array.of(9) });
    await store.save('0001', files(5));
    expect(await store.load('0001')).toStrictEqual(files(5));
  });

  it('keeps its own copy', async () => {
    const store = make();
    const mine = files(1);
    await store.save('0001', mine);
    mine['a.bin']![0] = 77;
    expect(await store.load('0001')).toStrictEqual(files(1));
  });

  it('removes', async () => {
    const store = make();
    await store.save('0001', files(1));
    await store.remove('0001');
    expect(await store.list()).toStrictEqual([]);
    await expect(store.load('0001')).rejects.toThrow();
  });
});

describe('fileStore', () => {
  it('lists no checkpoint that a killed process has left unfinished, and clears it away', async () => {
    const place = folder();
    mkdirSync(join(place, '.unfinished-x'));
    writeFileSync(join(place, '.unfinished-x', 'a.bin'), 'half');
    const store = fileStore(place);
    expect(await store.list()).toStrictEqual([]);
    await store.save('0001', files(1));
    expect(readdirSync(place)).toStrictEqual(['0001']);
  });

  it('removes a checkpoint from the list before anything of it is gone', async () => {
    const place = folder();
    const store = fileStore(place);
    await store.save('0001', files(1));
    chmodSync(join(place, '0001'), 0o500); // its files cannot be removed, unless by root
    const listed: string[][] = [];
    const removing = store.remove('0001').catch(() => undefined);
    while (readdirSync(place).includes('0001')) {
      const seen = readdirSync(join(place, '0001'));
      listed.push(seen);
      await new Promise(setImmediate);
    }
    await removing;
    expect(listed.every((names) => names.length === 2)).toBe(true);
    for (const left of readdirSync(place)) chmodSync(join(place, left), 0o700);
    await store.remove('0001');
    expect(await store.list()).toStrictEqual([]);
  });

  it.each(['..', 'a/b', '', '.hidden'])('refuses the name %j', async (name) => {
    await expect(fileStore(folder()).save(name, files(1))).rejects.toThrow(CheckpointError);
    await expect(fileStore(folder()).load(name)).rejects.toThrow(CheckpointError);
  });

  it('leaves the old checkpoint and nothing else if writing fails', async () => {
    const place = folder();
    const store = fileStore(place);
    await store.save('0001', files(1));
    await expect(store.save('0001', { 'no/such/folder': Uint8Array.of(1) })).rejects.toThrow('ENOENT');
    expect(readdirSync(place)).toStrictEqual(['0001']);
    expect(await store.load('0001')).toStrictEqual(files(1));
  });
});
