import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';

import { fileStore } from '../../src/checkpoint/fileStore.js';
import { memoryStore } from '../../src/checkpoint/memoryStore.js';
import type { Files } from '../../src/checkpoint/store.js';
import { CheckpointError } from '../../src/core/errors.js';
import { StoreError } from '../../src/checkpoint/storeError.js';
import { expectToGoOnFrom } from './goesOn.js';
import type { Place } from './storeCases.js';
import { here, itKeepsTheStoreContract } from './storeContract.js';

const folder = (): string => {
  const made = mkdtempSync(join(tmpdir(), 'gradstream-store-'));
  onTestFinished(() => rmSync(made, { recursive: true }));
  return made;
};
const files = (n: number): Files => ({ 'a.bin': Uint8Array.of(n, 2, 3), 'b.json': new Uint8Array() });

const inMemory = (): Place => {
  const store = memoryStore();
  return { open: () => store, contents: () => store.list() };
};
const inFiles = (): Place => {
  const around = folder();
  const contents = async () => readdirSync(around, { recursive: true, encoding: 'utf8' }).sort();
  return { open: () => fileStore(join(around, 'runs', 'first')), contents };
};

describe('memoryStore', () => {
  itKeepsTheStoreContract(here(inMemory));

  it('keeps what a run goes on from', () => expectToGoOnFrom(inMemory().open));
});

describe('fileStore', () => {
  itKeepsTheStoreContract(here(inFiles));

  it('keeps what a run goes on from', () => expectToGoOnFrom(inFiles().open));

  it('has a folder for each checkpoint, with its files', async () => {
    const place = folder();
    await fileStore(place).save('0001', files(1));
    expect(readdirSync(place, { recursive: true, encoding: 'utf8' }).sort()).toStrictEqual(['0001', '0001/a.bin', '0001/b.json']); // prettier-ignore
    expect([...readFileSync(join(place, '0001/a.bin'))]).toStrictEqual([1, 2, 3]);
  });

  it.each<[string, (at: string) => void]>([
    ['a link to a file elsewhere', (at) => symlinkSync('/dev/zero', at)],
    ['a folder', (at) => mkdirSync(at)],
  ])('refuses a checkpoint that holds %s', async (_, put) => {
    const place = folder();
    const store = fileStore(place);
    await store.save('0001', files(1));
    put(join(place, '0001', 'more'));
    const refused = expect(store.load('0001')).rejects;
    await refused.toThrow(CheckpointError);
    await expect(store.load('0001')).rejects.toThrow('must hold files only, 0001/more is none');
  });

  it('takes a link to a folder elsewhere for no checkpoint', async () => {
    const [place, elsewhere] = [folder(), folder()];
    await fileStore(elsewhere).save('0001', files(1));
    symlinkSync(join(elsewhere, '0001'), join(place, '0001'));
    expect(await fileStore(place).list()).toStrictEqual([]);
    await expect(fileStore(place).load('0001')).rejects.toThrow("there must be a checkpoint '0001'");
  });

  it('lists no checkpoint that a killed process has left unfinished, and clears it away', async () => {
    const place = folder();
    mkdirSync(join(place, '.unfinished-x'));
    writeFileSync(join(place, '.unfinished-x', 'a.bin'), 'half');
    const store = fileStore(place);
    expect(await store.list()).toStrictEqual([]);
    await store.save('0001', files(1));
    expect(readdirSync(place)).toStrictEqual(['0001']);
  });

  it.each(['save', 'remove'] as const)(
    'still has a checkpoint that was being replaced when the process was killed, after a %s, too',
    async (next) => {
      const place = folder();
      await fileStore(place).save('0001', files(1));
      renameSync(join(place, '0001'), join(place, '.replaced-0001')); // what is there between save's two moves
      mkdirSync(join(place, '.unfinished-x'));

      const store = fileStore(place);
      expect(await store.list()).toStrictEqual(['0001']);
      expect(await store.load('0001')).toStrictEqual(files(1));
      await (next === 'save' ? store.save('0002', files(2)) : store.remove('0002'));
      expect(await store.load('0001')).toStrictEqual(files(1));
      expect(readdirSync(place)).toStrictEqual(next === 'save' ? ['0001', '0002'] : ['0001']);
    },
  );

  it('has the new one if the process was killed before the old one was deleted', async () => {
    const place = folder();
    await fileStore(place).save('0001', files(1));
    renameSync(join(place, '0001'), join(place, '.replaced-0001'));
    renameSync(join(place, '.replaced-0001'), join(place, 'aside'));
    await fileStore(place).save('0001', files(2));
    renameSync(join(place, 'aside'), join(place, '.replaced-0001'));

    const store = fileStore(place);
    expect(await store.list()).toStrictEqual(['0001']);
    expect(await store.load('0001')).toStrictEqual(files(2));
    await store.save('0002', files(2));
    expect(readdirSync(place)).toStrictEqual(['0001', '0002']);
  });

  it('says which store and which checkpoint failed, and what the system said', async () => {
    const place = folder();
    writeFileSync(join(place, 'file'), '');
    const store = fileStore(join(place, 'file'));
    const error = await store.save('0001', files(1)).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(StoreError);
    expect(error).toMatchObject({
      store: `fileStore ${join(place, 'file')}`,
      checkpoint: '0001',
      message: expect.stringMatching(/^fileStore .*file: checkpoint '0001' could not be saved: EEXIST: /),
      cause: expect.objectContaining({ code: 'EEXIST' }),
    });
    await expect(store.list()).rejects.toThrow(/checkpoints could not be listed: ENOTDIR/);
  });
});
