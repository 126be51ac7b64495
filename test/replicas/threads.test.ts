import { expect, it } from 'vitest';

import { startThreads } from '../../src/replicas/startThreads.js';
import { sharedWorld, threads } from '../../src/replicas/threads.js';
import { runContract } from './contract.js';

const world = (size: number) => {
  const shared = sharedWorld(size);
  return Array.from({ length: size }, (_, rank) => threads(shared, rank));
};

it.each([1, 2, 3, 4])('%i ranks keep the contract', async (size) => {
  await expect(Promise.all(world(size).map(runContract))).resolves.toHaveLength(size);
});

it('keeps it in real threads', async () => {
  const ranks = startThreads(2, new URL('threadRank.ts', import.meta.url), { execArgv: ['--import', 'tsx'] });
  await expect(ranks).resolves.toBeUndefined();
});

it('ends the waiting when a thread dies, and names it', async () => {
  const started = performance.now();
  const ranks = startThreads(3, new URL('threadRank.ts', import.meta.url), {
    execArgv: ['--import', 'tsx'],
    data: { dies: 1 },
  });
  await expect(ranks).rejects.toMatchObject({ name: 'CollectiveError', reason: 'died', ranks: [1] });
  expect(performance.now() - started).toBeLessThan(15_000);
});

it('names the rank that does not come in time, on every rank that waits', async () => {
  const [a, b] = world(3);
  const calls = await Promise.allSettled([a!.barrier({ timeoutMs: 60 }), b!.barrier({ timeoutMs: 10_000 })]);
  expect(calls.map((call) => call.status === 'rejected' && (call.reason as { ranks: number[] }).ranks)).toEqual([
    [2],
    [2],
  ]);
});

it('abort ends the waiting of the others', async () => {
  const [a, b] = world(2);
  const waiting = a!.barrier();
  b!.abort('test');
  await expect(waiting).rejects.toMatchObject({ reason: 'died', ranks: [1] });
});

it('sums in the order of ranks, so that it repeats bit by bit', async () => {
  const terms = [1e8, 1, -1e8];
  const results = await Promise.all(
    world(3).map(async (c) => {
      const buffer = Float64Array.of(terms[c.rank]! * 0.1);
      if (c.rank === 0) await new Promise((resolve) => setTimeout(resolve, 20));
      await c.allReduceMean([buffer]);
      return buffer[0];
    }),
  );
  const expected = terms.map((term) => term * 0.1 * (1 / 3)).reduce((sum, term) => sum + term, 0);
  expect(results).toEqual([expected, expected, expected]);
});
