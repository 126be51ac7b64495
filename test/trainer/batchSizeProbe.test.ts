import * as tf from '@tensorflow/tfjs';
import { lastValueFrom, take, toArray } from 'rxjs';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';

import type { Batch } from '../../src/core/batch.js';
import { ArgumentError } from '../../src/core/errors.js';
import { batch } from '../../src/data/batch.js';
import { fromArrays } from '../../src/data/fromArrays.js';
import { engine } from '../../src/engine/engine.js';
import { adam } from '../../src/optim/adam.js';
import { batchSizeProbe, type BatchSizeProbeOptions } from '../../src/trainer/batchSizeProbe.js';
import { batchOf, line, samples, squaredError, type Line } from '../support/line.js';
import { scarce } from '../support/scarce.js';

let model: Line;
beforeEach(() => (model = line()));
afterEach(() => model.dispose());

const data = fromArrays({ xs: samples(40).map(({ x }) => x), ys: samples(40).map(({ y }) => [y]) });
const made: number[] = [];
const makeBatches = (size: number) => (made.push(size), data.pipe(batch(size)));
const probe = (room: number, more: Partial<BatchSizeProbeOptions> = {}) =>
  lastValueFrom(
    batchSizeProbe(
      scarce(model, () => room, { late: true }),
      makeBatches,
      { loss: squaredError, optimizer: adam(), ...more },
    ).pipe(toArray()),
  );
const tried = (all: Awaited<ReturnType<typeof probe>>) =>
  all.map(({ batchSize, fits }) => (fits ? batchSize : -batchSize));

describe('batchSizeProbe', () => {
  it('doubles until a size does not fit, and then narrows it down if asked to', async () => {
    const before = model.read();
    expect(tried(await probe(13))).toStrictEqual([1, 2, 4, 8, -16]);
    const all = await probe(13, { bisect: true });
    expect(tried(all)).toStrictEqual([1, 2, 4, 8, -16, 12, -14, 13]);
    expect(all.map(({ largest }) => largest)).toStrictEqual([1, 2, 4, 8, 8, 12, 12, 13]);
    expect(model.read()).toStrictEqual(before);
  });

  it.each([1, 2, 3, 7, 16, 31])('finds the largest of room for %d', async (room) => {
    const all = await probe(room, { bisect: true });
    expect(all.at(-1)!.largest).toBe(room);
    expect(all.length).toBeLessThan(12);
  });

  it('tries nothing beyond max, nor beyond what the data give', async () => {
    expect(tried(await probe(1000, { max: 20, min: 3 }))).toStrictEqual([3, 6, 12, 20]);
    expect(tried(await probe(1000, { max: 4, min: 4, bisect: true }))).toStrictEqual([4]);
    const all = await probe(1000);
    expect(tried(all)).toStrictEqual([1, 2, 4, 8, 16, 32, 64]);
    expect(all.at(-1)!.largest).toBe(40);
  });

  it('makes so many steps at each size, of windows as in training, and asks for fresh batches', async () => {
    made.length = 0;
    const sizes: number[] = [];
    const counting = { ...model, apply: (xs: tf.Tensor2D) => (sizes.push(xs.shape[0]), model.apply(xs, { training: true }) as tf.Tensor) }; // prettier-ignore
    const options = { loss: squaredError, optimizer: adam(), accumulate: 3, steps: 2, min: 16, max: 16 };
    await lastValueFrom(batchSizeProbe(counting, makeBatches, options));

    expect(sizes.slice(0, 3)).toStrictEqual([16, 16, 8]); // an epoch, which ends a window
    expect(sizes).toHaveLength(6);
    expect(made).toStrictEqual([16, 16]);
  });

  it('makes two steps at each size unless told otherwise, and asks for no batch beyond them', async () => {
    let given = 0;
    const counted = function* (size: number): Generator<Batch> {
      for (;;) {
        given += 1;
        yield batchOf(samples(size));
      }
    };
    const options = { loss: squaredError, optimizer: adam(), max: 4 };
    expect(tried(await lastValueFrom(batchSizeProbe(model, counted, options).pipe(toArray())))).toStrictEqual([
      1, 2, 4,
    ]);
    expect(given).toBe(3 * 2);
  });

  it('asks for room only: losses may be NaN', async () => {
    const wrong = (size: number): Batch[] => [batchOf(samples(size).map(({ x }) => ({ x, y: NaN })))];
    const options = { loss: squaredError, optimizer: adam(), max: 2 };
    expect(tried(await lastValueFrom(batchSizeProbe(model, wrong, options).pipe(toArray())))).toStrictEqual([1, 2]);
  });

  it('errors if the first size does not fit, and passes any other error on', async () => {
    const before = model.read();
    await expect(probe(2, { min: 4 })).rejects.toMatchObject({
      name: 'OutOfMemoryError',
      cause: { name: 'BatchError' },
    });
    const wrong = (size: number): Batch[] => [{ ...batchOf(samples(size)), ys: batchOf(samples(size + 1)).ys }];
    const failing = batchSizeProbe(model, wrong, { loss: squaredError, optimizer: adam() });
    await expect(lastValueFrom(failing)).rejects.toMatchObject({ name: 'BatchError' });
    expect(model.read()).toStrictEqual(before);
  });

  it('gives the model back when it is unsubscribed', async () => {
    const before = model.read();
    await lastValueFrom(batchSizeProbe(model, makeBatches, { loss: squaredError, optimizer: adam() }).pipe(take(2)));
    expect(model.read()).toStrictEqual(before);
  });

  it('rejects what can never be right at once', () => {
    const options = { loss: squaredError, optimizer: adam() };
    for (const more of [{ min: 0 }, { max: 0.5 }, { min: 3, max: 2 }, { steps: 0 }])
      expect(() => batchSizeProbe(model, makeBatches, { ...options, ...more })).toThrow(ArgumentError);
    expect(() => batchSizeProbe(model, [] as never, options)).toThrow(ArgumentError);
  });
});

describe('batchSizeProbe on wasm', () => {
  beforeAll(() => engine('wasm'));
  afterAll(() => engine('cpu'));

  it('stops where the 4 GiB of the real engine end, and goes on with what is left whole', async () => {
    // Each sample asks for 1 GiB at once, of which nothing is ever written: what fits is a part of a product that is too large.
    const greedy = {
      variables: model.variables,
      apply: (xs: tf.Tensor2D): tf.Tensor => {
        const count = xs.shape[0];
        if (count > 2) tf.tidy(() => tf.mul(tf.ones([count * 2 ** 14, 1]), tf.ones([1, 2 ** 14])));
        return model.apply(xs, { training: true }) as tf.Tensor;
      },
    };
    const before = model.read();
    const options = { loss: squaredError, optimizer: adam() };
    const all = await lastValueFrom(batchSizeProbe(greedy, makeBatches, options).pipe(toArray()));

    expect(tried(all)).toStrictEqual([1, 2, -4]);
    expect(model.read()).toStrictEqual(before);
  });
});
