import { describe, expect, it } from 'vitest';

import { assertSame } from '../../src/replicas/assertSame.js';
import { broadcastCheckpoint } from '../../src/replicas/broadcastCheckpoint.js';
import { sharedWorld, threads } from '../../src/replicas/threads.js';

const onAll = <T>(size: number, work: (collective: ReturnType<typeof threads>) => Promise<T>) => {
  const shared = sharedWorld(size);
  return Promise.allSettled(Array.from({ length: size }, (_, rank) => work(threads(shared, rank))));
};

describe('assertSame', () => {
  it('says nothing where all say the same', async () => {
    const all = await onAll(3, (each) => assertSame(each, 'config', { steps: 3, loss: ['mse'] }));
    expect(all.map(({ status }) => status)).toStrictEqual(['fulfilled', 'fulfilled', 'fulfilled']);
  });

  it('names on every rank those that differ, and in what', async () => {
    const all = await onAll(3, (each) =>
      assertSame(each, 'config', { steps: 3, ...(each.rank === 2 && { steps: 4, clipNorm: 1 }) }),
    );
    for (const each of all) {
      expect(each).toMatchObject({
        status: 'rejected',
        reason: {
          name: 'CollectiveError',
          reason: 'mismatch',
          ranks: [2],
          message:
            'every rank must have the same config; rank 2 has steps 4, rank 0 3; rank 2 has clipNorm 1, rank 0 not given',
        },
      });
    }
  });
});

describe('broadcastCheckpoint', () => {
  const arrays = { w: { data: Float32Array.of(0.1, NaN, -0), shape: [3] } };
  const checkpoint = {
    globalStep: 3,
    microStep: 6,
    epoch: 2,
    versions: { gradstream: '0' },
    stages: { model: { data: { globalStep: 3 }, arrays }, source: { data: { pass: 2, given: 1 }, arrays: {} } },
  };

  it('gives that of rank 0 to all', async () => {
    const all = await onAll(3, (each) => broadcastCheckpoint(each, each.rank === 0 ? checkpoint : undefined));
    expect(all).toStrictEqual([1, 2, 3].map(() => ({ status: 'fulfilled', value: checkpoint })));
  });

  it('gives none if it has none', async () => {
    const all = await onAll(2, (each) => broadcastCheckpoint(each, undefined));
    expect(all).toStrictEqual([1, 2].map(() => ({ status: 'fulfilled', value: undefined })));
  });
});
