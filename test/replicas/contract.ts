import assert from 'node:assert/strict';

import type { Collective } from '../../src/core/collective.js';
import { CollectiveError } from '../../src/core/collective.js';

/** What every rank of every collective must do; the ranks run them together, in this order, and close afterwards. */
export const contract: Record<string, (c: Collective) => Promise<void>> = {
  'knows its rank': async ({ rank, worldSize, localRank }) => {
    await Promise.resolve();
    assert(rank >= 0 && rank < worldSize && localRank <= rank);
  },
  'averages by ragged weights, in place, several buffers and types': async (c) => {
    const [a, b] = [Float32Array.of(c.rank, 1), Float64Array.of(c.rank * 10)];
    const total = await c.allReduceMean([a, b], { weight: c.rank + 1 });
    const ranks = Array.from({ length: c.worldSize }, (_, i) => i);
    const all = ranks.reduce((sum, r) => sum + r + 1, 0);
    const mean = ranks.reduce((sum, r) => sum + r * (r + 1), 0) / all;
    assert.equal(total, all);
    near(a, [mean, 1]);
    near(b, [mean * 10]);
  },
  'counts nothing of what has no weight, NaN or not': async (c) => {
    const buffer = Float32Array.of(c.rank === 0 ? 5 : NaN);
    await c.allReduceMean([buffer], { weight: c.rank === 0 ? 2 : 0 });
    near(buffer, [5]);
  },
  'gives zeros where nobody has weight': async (c) => {
    const buffer = Float32Array.of(7, NaN);
    assert.equal(await c.allReduceMean([buffer], { weight: 0 }), 0);
    assert.deepEqual([...buffer], [0, 0]);
  },
  'hands NaN of one rank to every rank': async (c) => {
    const buffer = Float32Array.of(c.rank === c.worldSize - 1 ? NaN : 1, 1);
    await c.allReduceMean([buffer]);
    assert(Number.isNaN(buffer[0]));
    near(buffer.subarray(1), [1]);
  },
  'takes views, empty and large buffers': async (c) => {
    const whole = new Float32Array(700_003).fill(c.rank);
    whole[0] = whole[700_002] = -1;
    await c.allReduceMean([new Float32Array(0), whole.subarray(1, -1)]);
    const mean = (c.worldSize - 1) / 2;
    near([whole[0]!, whole[1]!, whole[350_000]!, whole[700_001]!, whole[700_002]!], [-1, mean, mean, mean, -1]);
  },
  'averages more than is sent at a time, by ragged weights, every number': async (c) => {
    const ranks = Array.from({ length: c.worldSize }, (_, r) => r + 1);
    const mean = ranks.reduce((sum, r) => sum + r * r, 0) / ranks.reduce((sum, r) => sum + r, 0);
    const length = 1_300_003;
    const buffers = [Float32Array.from({ length }, (_, i) => (i % 97) * (c.rank + 1)), Float64Array.from({ length }, (_, i) => (i % 89) * (c.rank + 1))]; // prettier-ignore
    await c.allReduceMean(buffers, { weight: c.rank + 1 });
    const wrong = [97, 89].map((n, b) =>
      buffers[b]!.findIndex((value, i) => !(Math.abs(value - (i % n) * mean) < 1e-3)),
    );
    assert.deepEqual(wrong, [-1, -1]);
  },
  'averages more than goes into a bucket of 25 MiB': async (c) => {
    const buffer = new Float32Array(25 * (1 << 18) + 5).fill(c.rank + 1);
    await c.allReduceMean([buffer]);
    const mean = (c.worldSize + 1) / 2;
    assert(buffer.every((value) => Math.abs(value - mean) < 1e-5));
  },
  'averages with 2 bytes a number: the same bits on every rank, and what is missing is kept': async (c) => {
    for (const format of ['float16', 'bfloat16'] as const) {
      for (const size of [0, 1, 10_007]) {
        const own = Float32Array.from({ length: size }, (_, i) => Math.sin(i * (c.rank + 1)) * 10 ** (i % 5));
        const [received, lost] = [own.slice(), new Float32Array(size)];
        const weight = c.rank + 1;
        assert.equal(
          await c.allReduceMean([received], { weight, compress: { format, lost } }),
          (c.worldSize * (c.worldSize + 1)) / 2,
        );
        const exact = own.slice();
        await c.allReduceMean([exact], { weight });
        const kept = lost.map((value) => value * c.worldSize);
        await c.allReduceMean([kept]);
        // A rounding of each rank's, and one of the sum.
        const farthest = (of: (i: number) => number): number =>
          received.reduce((most, _, i) => Math.max(most, Math.abs(of(i)) / 10 ** (i % 5)), 0);
        assert(farthest((i) => received[i]! + kept[i]! - exact[i]!) < 1e-5);
        assert(farthest((i) => kept[i]!) < (format === 'float16' ? 1.1e-3 : 8.8e-3));
        assert(size < 2 || lost.some((value) => value !== 0));
        const all = await c.allGather(new Uint8Array(received.buffer));
        for (const each of all) assert(Buffer.from(each).equals(all[0]!), 'the same bits');
      }
    }
  },
  'averages large buffers with 2 bytes a number': async (c) => {
    const size = 600_001;
    const buffer = Float32Array.from({ length: size }, (_, i) => (i % 100) * (c.rank + 1));
    await c.allReduceMean([buffer], { compress: { format: 'bfloat16', lost: new Float32Array(size) } });
    const mean = (c.worldSize + 1) / 2;
    for (const i of [0, 1, 99, 150_003, 300_050, 449_999, 599_999, 600_000])
      assert(Math.abs(buffer[i]! / ((i % 100) * mean || 1) - (i % 100 ? 1 : 0)) < 0.01, `${i}: ${buffer[i]}`);
  },
  'sends NaN and Infinity with 2 bytes, too, and keeps nothing of them': async (c) => {
    for (const format of ['float16', 'bfloat16'] as const) {
      const [buffer, lost] = [
        Float32Array.of(c.rank === 0 ? NaN : 1, c.rank === 0 ? Infinity : 1, 1),
        new Float32Array(3),
      ];
      await c.allReduceMean([buffer], { compress: { format, lost } });
      assert(Number.isNaN(buffer[0]) && buffer[1] === Infinity && lost.every(Number.isFinite));
      near([buffer[2]!], [1]);
    }
  },
  'fails on every rank if one sends other numbers than the others': async (c) => {
    if (c.worldSize === 1) return;
    const compress = { format: c.rank === 1 ? ('float16' as const) : ('bfloat16' as const), lost: new Float32Array(2) };
    await assert.rejects(c.allReduceMean([new Float32Array(2)], { compress }), isError('mismatch', 1));
  },
  'queues concurrent calls in their order': async (c) => {
    const buffers = [1, 2, 3].map((n) => Float32Array.of(n * c.rank));
    const gathered = c.allGather(Uint8Array.of(c.rank));
    const order: number[] = [];
    await Promise.all(buffers.map((buffer, i) => c.allReduceMean([buffer]).then(() => order.push(i))));
    assert.deepEqual(order, [0, 1, 2]);
    buffers.forEach((buffer, i) => near(buffer, [((i + 1) * (c.worldSize - 1)) / 2]));
    assert.equal((await gathered).length, c.worldSize);
  },
  'broadcasts from any rank': async (c) => {
    const root = c.worldSize - 1;
    const buffer = new Float32Array(300_000).fill(c.rank);
    await c.broadcast(buffer, root);
    assert(buffer.every((value) => value === root));
  },
  'gathers bytes of different lengths': async (c) => {
    const all = await c.allGather(new Uint8Array(c.rank).fill(c.rank));
    assert.deepEqual(
      all.map((bytes) => [...bytes]),
      Array.from({ length: c.worldSize }, (_, r) => new Array<number>(r).fill(r)),
    );
  },
  'waits for all, and the event loop lives': async (c) => {
    await c.barrier(); // processes do not start at once
    let ticks = 0;
    const timer = setInterval(() => (ticks += 1), 5);
    if (c.rank === 0 && c.worldSize > 1) await new Promise((resolve) => setTimeout(resolve, 200));
    await c.barrier();
    clearInterval(timer);
    assert(c.worldSize === 1 || ticks > 1, `${ticks} ticks`);
  },
  'fails on every rank if sizes differ, and goes on': async (c) => {
    if (c.worldSize === 1) return;
    await assert.rejects(c.allReduceMean([new Float32Array(c.rank === 1 ? 3 : 2)]), isError('mismatch', 1));
    await c.barrier();
  },
  'fails on every rank if there are as many numbers, in buffers of other sizes': async (c) => {
    if (c.worldSize === 1) return;
    const sizes = c.rank === 1 ? [3, 2] : [2, 3];
    await assert.rejects(c.allReduceMean(sizes.map((size) => new Float32Array(size))), isError('mismatch', 1));
  },
  'fails on every rank if one does something else': async (c) => {
    if (c.worldSize === 1) return;
    const call = c.rank === 1 ? c.barrier() : c.broadcast(new Uint8Array(1));
    await assert.rejects(call, isError('mismatch', 1));
  },
  'tells all of an abort signal': async (c) => {
    const signal = c.rank === 0 ? AbortSignal.abort() : new AbortController().signal;
    await assert.rejects(c.barrier({ signal }), isError('aborted', 0));
    await c.barrier();
  },
};

export function isError(reason: CollectiveError['reason'], rank: number) {
  return (error: unknown): boolean =>
    error instanceof CollectiveError && error.reason === reason && error.ranks.includes(rank);
}

/** All of it on one rank; the world is closed afterwards, twice. */
export async function runContract(c: Collective): Promise<void> {
  for (const [name, run] of Object.entries(contract)) {
    await run(c).catch((cause: unknown) => {
      throw new Error(`rank ${c.rank} of ${c.worldSize}: ${name}: ${String(cause)}`, { cause });
    });
  }
  await c.close();
  await c.close();
  await assert.rejects(c.barrier(), isError('closed', c.rank));
}

function near(received: Iterable<number>, expected: readonly number[]): void {
  const values = [...received];
  assert.equal(values.length, expected.length);
  values.forEach((value, i) =>
    assert(Math.abs(value - expected[i]!) < 1e-5, `${values.join()} is not ${expected.join()}`),
  );
}
