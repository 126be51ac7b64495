import { pathToFileURL } from 'node:url';

import { expect, it } from 'vitest';

import { ArgumentError } from '../../src/core/errors.js';
import { startThreads } from '../../src/replicas/startThreads.js';
import { sharedWorld, threads } from '../../src/replicas/threads.js';
import { bundled } from '../support/bundled.js';
import { runContract } from './contract.js';

const world = (size: number) => {
  const shared = sharedWorld(size);
  return Array.from({ length: size }, (_, rank) => threads(shared, rank));
};

it.each([1, 2, 3, 4])('%i ranks keep the contract', async (size) => {
  await expect(Promise.all(world(size).map(runContract))).resolves.toHaveLength(size);
});

const program = bundled(new URL('threadRank.ts', import.meta.url)).then(pathToFileURL);

it('keeps it in real threads', async () => {
  await expect(startThreads(2, await program)).resolves.toBeUndefined();
});

it.each([
  ['exits', 'exit code 3'],
  ['throws', 'out of luck'],
])('names the thread that %s, and ends the others', async (what, message) => {
  const started = performance.now();
  await expect(startThreads(3, await program, { data: { 1: what } })).rejects.toMatchObject({
    name: 'CollectiveError',
    reason: 'died',
    ranks: [1],
    message: `startThreads: rank 1 has failed: ${message}`,
  });
  expect(performance.now() - started).toBeLessThan(15_000);
});

it('names the thread that hangs, and ends it', async () => {
  const ranks = startThreads(3, await program, { data: { 0: 'waits', 1: 'hangs', 2: 'waits' } });
  await expect(ranks).rejects.toMatchObject({
    ranks: [1],
    message: expect.stringMatching(/threads: rank 1 (must arrive within 1000 ms|has failed)/) as string,
  });
});

it('names the thread that has ended without closing while others wait for it', async () => {
  const data = { 0: 'ends', 1: 'waits' };
  await expect(startThreads(2, await program, { data })).rejects.toMatchObject({
    ranks: [0],
    message: expect.stringContaining('threads: rank 0 has failed') as string,
  });
});

it('refuses a world of none', async () => {
  await expect(startThreads(0, await program)).rejects.toBeInstanceOf(ArgumentError);
});

it('does not wait to leave a world that has failed', async () => {
  const [a, b] = world(2);
  b!.abort('test');
  await expect(a!.barrier()).rejects.toMatchObject({ reason: 'died' });
  await expect(a!.close()).resolves.toBeUndefined();
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

it('rounds each share before it sums up, as MPI does, so that both give the same bits', async () => {
  const { fround } = Math;
  const terms = [0, 1].map((rank) => Float32Array.from({ length: 1000 }, (_, i) => Math.sin(1000 * rank + i)));
  const [first, second] = terms.map((term) => term.slice());
  await Promise.all(world(2).map((c) => c.allReduceMean([terms[c.rank]!], { weight: 1 + c.rank })));
  const expected = first!.map((value, i) => fround(value * fround(1 / 3)) + fround(second![i]! * fround(2 / 3)));
  expect(terms).toEqual([expected, expected]);
  expect(expected).not.toEqual(first!.map((value, i) => value * fround(1 / 3) + second![i]! * fround(2 / 3)));
});
