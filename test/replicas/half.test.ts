import { describe, expect, it } from 'vitest';

import { ArgumentError } from '../../src/core/errors.js';
import { collective } from '../../src/replicas/collective.js';
import { half } from '../../src/replicas/half.js';
import { solo } from '../../src/replicas/solo.js';
import type { Transport } from '../../src/replicas/transport.js';

const through = (format: 'float16' | 'bfloat16', ...values: number[]): number[] => {
  const { encode, values: decoded } = half(format);
  return Array.from(encode(Float32Array.from(values)), (bits) => decoded[bits]!);
};

describe('numbers of 2 bytes', () => {
  it('float16: the nearest, ties to even, within ±65504', () => {
    expect(through('float16', 1, -2.5, 0.1, 1 + 2 ** -11, 1 + 3 * 2 ** -11, 65504, 65519)).toStrictEqual([1, -2.5, 0.0999755859375, 1, 1 + 2 ** -9, 65504, 65504]); // prettier-ignore
    expect(through('float16', 1e6, -3e38, Infinity, -Infinity, NaN)).toStrictEqual([65504, -65504, Infinity, -Infinity, NaN]); // prettier-ignore
    expect(through('float16', 2 ** -24, 2 ** -26, -0)).toStrictEqual([2 ** -24, 0, -0]);
  });

  it('bfloat16: the nearest, ties to even, as large as a float32', () => {
    expect(through('bfloat16', 1, -2.5, 0.1, 1 + 2 ** -8, 1 + 3 * 2 ** -8)).toStrictEqual([1, -2.5, 0.10009765625, 1, 1 + 2 ** -6]); // prettier-ignore
    const [largest, infinite, nan, small] = through('bfloat16', 3.4028234e38, -Infinity, NaN, 1e-40);
    expect([largest! > 3.38e38, largest! < Infinity, infinite, nan]).toStrictEqual([true, true, -Infinity, NaN]);
    expect(Math.abs(small! - 1e-40)).toBeLessThan(1e-40 * 2 ** -1);
  });

  it.each(['float16', 'bfloat16'] as const)('%s: what has been rounded is not rounded again', (format) => {
    const values = Array.from({ length: 1000 }, (_, i) => Math.sin(i) * 10 ** ((i % 9) - 4));
    const once = through(format, ...values);
    expect(through(format, ...once)).toStrictEqual(once);
  });
});

/** Two ranks that call in turn, on a wire whose bytes are counted as a ring, or an exchange between all, sends them. */
function countedWorld() {
  let bytes = 0;
  const places = new Map<string, { all: Uint8Array[]; resolve: (() => void)[] }>();
  const counts = [0, 0];
  const meet = async (rank: number, own: Uint8Array): Promise<Uint8Array[]> => {
    const key = String(counts[rank]!++);
    const place = places.get(key) ?? { all: [], resolve: [] };
    places.set(key, place);
    place.all[rank] = own.slice();
    if (place.resolve.length === 0) await new Promise<void>((resolve) => place.resolve.push(resolve));
    else place.resolve.forEach((resolve) => resolve());
    return place.all;
  };
  const transport = (rank: number): Transport => ({
    ...{ rank, worldSize: 2, localRank: rank },
    gather: (own) => ((bytes += own.length), meet(rank, own)),
    exchange: async (own) => {
      bytes += own.length / 2;
      const size = own.length / 2;
      return (await meet(rank, own)).map((each) => each.subarray(rank * size, (rank + 1) * size));
    },
    sum: async (buffer, share) => {
      buffer.forEach((value, i) => (buffer[i] = value * share));
      bytes += buffer.byteLength; // 2·(R − 1)/R of it
      const all = await meet(rank, new Uint8Array(buffer.buffer, buffer.byteOffset, buffer.byteLength));
      const [a, b] = all.map((each) => new Float32Array(each.slice().buffer));
      a!.forEach((value, i) => (buffer[i] = value + b![i]!));
    },
    broadcast: () => Promise.resolve(),
    close: () => Promise.resolve(),
    abort: () => undefined,
  });
  return { ranks: [collective(transport(0)), collective(transport(1))], sent: () => bytes };
}

describe('a reduction with 2 bytes a number', () => {
  it('sends half as much', async () => {
    const size = 100_000;
    const sentWith = async (format?: 'bfloat16'): Promise<number> => {
      const { ranks, sent } = countedWorld();
      const sums = await Promise.all(
        ranks.map(async (rank, i) => {
          const buffer = new Float32Array(size).fill(i);
          await rank.allReduceMean([buffer], format && { compress: { format, lost: new Float32Array(size) } });
          return buffer;
        }),
      );
      for (const sum of sums) expect(sum.every((value) => value === 0.5)).toBe(true);
      return sent();
    };
    const [whole, halved] = [await sentWith(), await sentWith('bfloat16')];
    expect(whole).toBeGreaterThan(8 * size);
    expect(halved / whole).toBeCloseTo(0.5, 3);
  });

  it.each([
    ['float16', [1e-6, 1.0003, 0.3]],
    ['bfloat16', [1.003, 1e-30, -77.7]],
  ] as const)(
    '%s: hands on everything in the end, which it does not without what is kept',
    async (format, gradients) => {
      const steps = 500;
      const { ranks } = countedWorld();
      /** How far the mean of what was handed on is from the gradients. */
      const errorOf = async (keep: boolean): Promise<number[]> => {
        const all = await Promise.all(
          ranks.map(async (rank) => {
            const sums = gradients.map(() => 0);
            const kept = new Float32Array(gradients.length);
            for (let step = 0; step < steps; step += 1) {
              const buffer = Float32Array.from(gradients);
              const lost = keep ? kept : new Float32Array(gradients.length);
              await rank.allReduceMean([buffer], { compress: { format, lost } });
              buffer.forEach((value, i) => (sums[i]! += value));
            }
            return sums;
          }),
        );
        expect(all[1]).toStrictEqual(all[0]);
        return all[0]!.map((sum, i) => Math.abs(sum / steps / gradients[i]! - 1));
      };
      const [kept, not] = [await errorOf(true), await errorOf(false)];
      for (const error of kept) expect(error).toBeLessThan(1e-3);
      expect(Math.max(...not)).toBeGreaterThan(1e-3);
    },
  );

  it('hands on over several steps what is larger than a float16', async () => {
    const { ranks } = countedWorld();
    const [sum] = await Promise.all(
      ranks.map(async (rank) => {
        const lost = new Float32Array(1);
        let sum = 0;
        for (let step = 0; step < 8; step += 1) {
          const buffer = Float32Array.of(step === 0 ? 2e5 : 0);
          await rank.allReduceMean([buffer], { compress: { format: 'float16', lost } });
          expect(buffer[0]).toBeLessThanOrEqual(65504);
          sum += buffer[0]!;
        }
        return sum;
      }),
    );
    expect(sum).toBeCloseTo(2e5, 0);
  });

  it('refuses what it cannot keep the rest of', () => {
    const compress = { format: 'bfloat16', lost: new Float32Array(2) } as const;
    expect(() => solo().allReduceMean([new Float64Array(2)], { compress })).toThrow(ArgumentError);
    expect(() => solo().allReduceMean([new Float32Array(3)], { compress })).toThrow('Float32Array of 3, and 2');
    expect(() => solo().allReduceMean([new Float32Array(1), new Float32Array(1)], { compress })).toThrow(ArgumentError);
  });
});
