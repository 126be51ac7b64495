import * as tf from '@tensorflow/tfjs';
import fc from 'fast-check';
import { from } from 'ix/asynciterable';
import { describe, expect, it } from 'vitest';

import { ArgumentError } from '../../src/core/errors.js';
import { batch, fromArrays, shuffle } from '../../src/data/index.js';
import { collect, collectUntilError, watched } from './sources.js';

const shuffled = <T>(values: T[], options: Parameters<typeof shuffle>[0]): Promise<T[]> =>
  collect(from(values).pipe(shuffle(options)));
const numbers = (n: number): number[] => Array.from({ length: n }, (_, i) => i);

describe('shuffle', () => {
  it('gives the order that its documentation shows', async () => {
    expect((await shuffled([...'abcde'], { seed: 2 })).join('')).toBe('bdaec');
    expect((await shuffled([...'abcde'], { seed: 2, buffer: 2 })).join('')).toBe('acdeb');
  });

  it('gives a permutation, the same one for the same seed and epoch', async () => {
    const buffers = fc.option(fc.integer({ min: 1, max: 10 }), { nil: Infinity });
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.integer()),
        fc.maxSafeInteger(),
        fc.integer({ min: 1 }),
        buffers,
        async (values, seed, epoch, buffer) => {
          const once = await shuffled(values, { seed, epoch, buffer });
          const twice = await shuffled(values, { seed, epoch, buffer });

          expect(once.toSorted()).toStrictEqual(values.toSorted());
          expect(twice).toStrictEqual(once);
        },
      ),
    );
  });

  it('gives every permutation about equally often', async () => {
    const counts = new Map<string, number>();
    for (let seed = 0; seed < 3000; seed += 1) {
      const order = (await shuffled([...'abc'], { seed })).join('');
      counts.set(order, (counts.get(order) ?? 0) + 1);
    }

    expect(counts.size).toBe(6);
    counts.forEach((count) => expect(Math.abs(count - 500)).toBeLessThan(110)); // five standard deviations
  });

  it('gives another order for another seed, 0 among them, and for another epoch', async () => {
    const orders = [{ seed: 0 }, { seed: 1 }, { seed: 2 }, { seed: 0, epoch: 2 }, { seed: 1, epoch: 2 }];
    const given = await Promise.all(orders.map(async (options) => (await shuffled(numbers(20), options)).join()));

    expect(new Set(given).size).toBe(orders.length);
  });

  it('takes epoch 1 where none is given', async () => {
    expect(await shuffled(numbers(9), { seed: 4 })).toStrictEqual(await shuffled(numbers(9), { seed: 4, epoch: 1 }));
  });

  it('changes nothing with a buffer of 1', async () => {
    expect(await shuffled(numbers(9), { seed: 4, buffer: 1 })).toStrictEqual(numbers(9));
  });

  it('gives with a buffer no value more than buffer − 1 places early', async () => {
    await fc.assert(
      fc.asyncProperty(fc.nat(), fc.integer({ min: 1, max: 8 }), async (seed, buffer) => {
        const order = await shuffled(numbers(30), { seed, buffer });
        order.forEach((value, place) => expect(place - value).toBeGreaterThanOrEqual(1 - buffer));
      }),
    );
  });

  it('gives with a buffer of all values what it gives without one', async () => {
    expect(await shuffled(numbers(9), { seed: 4, buffer: 10 })).toStrictEqual(await shuffled(numbers(9), { seed: 4 }));
  });

  it('gives nothing for nothing', async () => {
    expect(await shuffled([], { seed: 1 })).toStrictEqual([]);
    expect(await shuffled([], { seed: 1, buffer: 2 })).toStrictEqual([]);
  });

  it('gives with a buffer what came before an error as far as it was due', async () => {
    const failure = new Error('disk gone');
    const { source } = watched([...'abcde'], failure);
    const { values, error } = await collectUntilError(shuffle<string>({ seed: 2, buffer: 2 })(source));

    expect(values).toStrictEqual([...'acde']);
    expect(error).toBe(failure);
  });

  it('disposes tensors that nobody takes any more', async () => {
    const tensors = [tf.scalar(1), tf.scalar(2), tf.scalar(3)];
    for await (const taken of from(tensors.map((x) => ({ x }))).pipe(shuffle({ seed: 1 }))) {
      taken.x.dispose();
      break;
    }

    expect(tensors.map((x) => x.isDisposed)).toStrictEqual([true, true, true]);
  });

  it('shuffles and batches 8000 samples of 784 numbers in a fraction of a second', async () => {
    const samples = fromArrays({
      xs: { data: new Float32Array(8000 * 784), shape: [8000, 784] },
      ys: new Int32Array(8000),
    });
    const begun = performance.now();
    const batches = await collect(samples.pipe(shuffle({ seed: 1 }), batch(32)));

    expect(batches).toHaveLength(250);
    expect(performance.now() - begun).toBeLessThan(1000); // some 40 ms on an idle machine
  });

  it.each([0, -1, 1.5, NaN])('rejects a buffer of %d at once', (buffer) => {
    expect(() => shuffle({ seed: 1, buffer })).toThrow(ArgumentError);
  });

  it.each([0, 1.5, NaN])('rejects epoch %d at once', (epoch) => {
    expect(() => shuffle({ seed: 1, epoch })).toThrow(ArgumentError);
  });

  it.each([0.5, NaN, undefined])('rejects the seed %s at once', (seed) => {
    expect(() => shuffle({ seed: seed as number })).toThrow(ArgumentError);
  });
});
