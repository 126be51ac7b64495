import { beforeAll, describe, expect, it } from 'vitest';

import { latest } from '../../src/checkpoint/latest.js';
import { memoryStore } from '../../src/checkpoint/memoryStore.js';
import { CheckpointError } from '../../src/core/errors.js';
import { resealed, savedFiles } from './support.js';

type Named = Record<string, Uint8Array>;

describe('latest', () => {
  let whole: Named;
  beforeAll(async () => {
    whole = await savedFiles();
  });

  it('is undefined if there is none', async () => {
    expect(await latest(memoryStore())).toBeUndefined();
  });

  it('hands on what the store says', async () => {
    const store = { ...memoryStore(), list: () => Promise.resolve(['0001']), load: () => Promise.reject(new Error('gone')) }; // prettier-ignore
    await expect(latest(store, { orPrevious: true })).rejects.toThrow('gone');
  });

  const cut = (name: string) => (files: Named) => (files[name] = files[name]!.slice(0, -1));
  const flipped = (name: string, at: number) => (files: Named) => (files[name]![at]! ^= 1);
  const said = (from: string, to: string) => async (files: Named) =>
    void (files['state.json'] = await resealed(files['state.json']!, (text) => text.replace(from, to)));

  it.each<[string, (files: Named) => unknown, string]>([
    [
      'whose weights are cut off',
      cut('model.safetensors'),
      String.raw`model.safetensors must have \d+ bytes, it has \d+: it is cut off`,
    ],
    [
      'whose state is cut off',
      cut('state.safetensors'),
      String.raw`state.safetensors must have \d+ bytes, it has \d+: it is cut off`,
    ],
    ['whose rest is cut off', cut('state.json'), 'state.json must end with its checksum, it is cut off'],
    ['whose weights have a flipped bit', flipped('model.safetensors', 100), 'model.safetensors must be as it was written'], // prettier-ignore
    ['whose state has a flipped bit', flipped('state.safetensors', 100), 'state.safetensors must be as it was written'],
    ['whose rest has a flipped bit', flipped('state.json', 100), 'state.json must be as it was written'],
    ['without its weights', (files) => delete files['model.safetensors'], 'must have the file model.safetensors'],
    ['without its rest', (files) => delete files['state.json'], 'must have the file state.json'],
    ['of a newer format', said('"format": 2', '"format": 3'), 'format 2, received 3: update gradstream'],
    ['of a newer gradstream', said('"gradstream": "0.', '"gradstream": "1.'), 'received 1.1.0: update gradstream'],
    ['of an older format', (files) => (files['state.json'] = new TextEncoder().encode('{\n "format": 1,\n "globalStep": 1\n}')), 'received 1'], // prettier-ignore
    ['without its step', said('"globalStep"', '"step"'), "state.json must hold the run's state: globalStep"],
  ])('refuses a checkpoint %s and says so, or takes the one before', async (_, change, message) => {
    const files = structuredClone(whole);
    await change(files);
    const store = memoryStore();
    await store.save('0001', whole);
    await store.save('0002', files);
    await expect(latest(store)).rejects.toThrow(CheckpointError);
    await expect(latest(store)).rejects.toThrow(new RegExp(`^latest: .*0002: .*${message}`));
    expect(await latest(store, { orPrevious: true })).toMatchObject({ globalStep: 2 });
  });

  it('says of each what is wrong if all are', async () => {
    const store = memoryStore();
    await store.save('0001', { 'state.json': new Uint8Array() });
    await store.save('0002', {});
    await expect(latest(store, { orPrevious: true })).rejects.toThrow(/0002: .*must have the file.*; 0001: .*cut off/);
  });
});
