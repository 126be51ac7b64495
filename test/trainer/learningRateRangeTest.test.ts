import * as tf from '@tensorflow/tfjs';
import { lastValueFrom, take, tap, toArray } from 'rxjs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import type { Batch } from '../../src/core/batch.js';
import { ArgumentError } from '../../src/core/errors.js';
import { latest } from '../../src/checkpoint/latest.js';
import { checkpointEvery } from '../../src/checkpoint/checkpointEvery.js';
import { memoryStore } from '../../src/checkpoint/memoryStore.js';
import { engine } from '../../src/engine/engine.js';
import { mse } from '../../src/losses/mse.js';
import { adam } from '../../src/optim/adam.js';
import { sgd } from '../../src/optim/sgd.js';
import { learningRateRangeTest, type RangeTestPoint } from '../../src/trainer/learningRateRangeTest.js';
import { suggestLearningRate } from '../../src/trainer/suggestLearningRate.js';
import { train } from '../../src/trainer/train.js';
import { batchesOf, batchOf, line, samples, squaredError, type Line } from '../support/line.js';

let model: Line;
beforeEach(() => (model = line()));
afterEach(() => model.dispose());

const options = { loss: squaredError, optimizer: sgd() };
const sweep = (batches: Batch[], more: object = {}) =>
  lastValueFrom(learningRateRangeTest(model, batches, { ...options, ...more }).pipe(toArray()));

describe('learningRateRangeTest', () => {
  it('steps through an exact geometric sequence with both ends, whatever the window is', async () => {
    for (const accumulate of [1, 3]) {
      const points = await sweep(batchesOf([2, 2, 2]), { min: 1e-4, max: 1e-2, steps: 5, accumulate });
      const rates = points.map(({ learningRate }) => learningRate);

      expect(rates).toHaveLength(5);
      rates.forEach((rate, i) => expect(rate / 10 ** (-4 + i / 2)).toBeCloseTo(1, 12));
      expect([rates[0], rates[4]]).toStrictEqual([1e-4, 1e-2]);
    }
  });

  it('gives the losses of training at those rates, computed by hand', async () => {
    const [w, b] = [[0.5, -0.25], 0.125];
    const points = await sweep([batchOf(samples(4))], { min: 0.01, max: 0.1, steps: 3 });
    const by = { w: [...w], b };
    const losses = [0.01, Math.sqrt(0.001), 0.1].map((rate) => {
      const errors = samples(4).map(({ x, y }) => x[0] * by.w[0]! + x[1] * by.w[1]! + by.b - y);
      const mean = (of: (e: number, i: number) => number) => errors.reduce((sum, e, i) => sum + of(e, i) / 4, 0);
      const loss = mean((e) => e * e);
      const slopes = [0, 1].map((k) => mean((e, i) => 2 * e * samples(4)[i]!.x[k]!));
      by.b -= rate * mean((e) => 2 * e);
      by.w = by.w.map((value, k) => value - rate * slopes[k]!);
      return loss;
    });

    points.forEach(({ loss }, i) => expect(loss).toBeCloseTo(losses[i]!, 6));
    const [l0, l1] = losses as [number, number];
    expect(points[0]!.smoothed).toBeCloseTo(l0, 6);
    expect(points[1]!.smoothed).toBeCloseTo((0.98 * 0.02 * l0 + 0.02 * l1) / (1 - 0.98 ** 2), 6);
  });

  it('ends when the smoothed loss is four times its best, and with the first that is not finite', async () => {
    const points = await sweep([batchOf(samples(8))], { max: 100 });
    const best = Math.min(...points.map(({ smoothed }) => smoothed));
    const apart = points.map(({ smoothed }) => smoothed > 4 * best);

    expect(points.length).toBeGreaterThan(50);
    expect(points.length).toBeLessThan(100);
    expect(apart.indexOf(true)).toBe(points.length - 1);

    // A loss that the labels give: 1 ten times, then 10; the average climbs slowly.
    const given = (labels: tf.Tensor2D, predictions: tf.Tensor2D) => tf.add(tf.mean(labels, -1), tf.mul(tf.mean(predictions, -1), 0)); // prettier-ignore
    const labelled = Array.from({ length: 40 }, (_, i) => batchOf([{ x: [0, 0], y: i < 10 ? 1 : 10 }]));
    const slowly = await sweep(labelled, { loss: given, steps: 40 });
    expect(slowly.at(-2)!.smoothed).toBeLessThan(4);
    expect(slowly.at(-1)!.smoothed).toBeGreaterThan(4);
    expect(slowly.at(-1)!.smoothed).toBeLessThan(5);

    const exploding = await sweep([batchOf(samples(8))], { min: 1e30, max: 1e38, steps: 10 });
    expect(exploding.length).toBeLessThan(5);
    expect(exploding.slice(0, -1).every(({ loss }) => Number.isFinite(loss))).toBe(true);
  });

  it('ends with a loss that is NaN, of which the average is no larger than anything', async () => {
    const given = (labels: tf.Tensor2D, predictions: tf.Tensor2D) => tf.add(tf.mean(labels, -1), tf.mul(tf.mean(predictions, -1), 0)); // prettier-ignore
    const labelled = [1, 1, NaN, 1, 1].map((y) => batchOf([{ x: [0, 0], y }]));
    const points = await sweep(labelled, { loss: given, steps: 5 });
    expect(points.map(({ loss }) => loss)).toStrictEqual([1, 1, NaN]);
  });

  it('makes a hundred steps from 1e-7 to 10, unless told otherwise', async () => {
    const still = (labels: tf.Tensor2D, predictions: tf.Tensor2D) => tf.mul(squaredError(labels, predictions), 0);
    const rates = (await sweep([batchOf(samples(1))], { loss: still })).map(({ learningRate }) => learningRate);
    expect(rates).toHaveLength(100);
    expect(rates[0]).toBe(1e-7);
    expect(rates[99]).toBeCloseTo(10, 12);
  });

  it('goes on with losses below zero, of which four times the best is less', async () => {
    const negative = (labels: tf.Tensor2D, predictions: tf.Tensor2D) => tf.sub(squaredError(labels, predictions), 10);
    expect(await sweep([batchOf(samples(4))], { loss: negative, max: 1e-3, steps: 20 })).toHaveLength(20);
  });

  it('leaves the model as it was when it ends, fails and is unsubscribed', async () => {
    const before = model.read();
    await sweep([batchOf(samples(8))]);
    expect(model.read()).toStrictEqual(before);

    const wrong = [batchOf(samples(2)), { ...batchOf(samples(1)), xs: { data: new Float32Array(3), shape: [1, 3] } }];
    await expect(sweep(wrong, { min: 0.1 })).rejects.toMatchObject({ name: 'BatchError' });
    expect(model.read()).toStrictEqual(before);

    const during: number[][] = [];
    const some$ = learningRateRangeTest(model, [batchOf(samples(2))], { ...options, min: 0.1 });
    await lastValueFrom(some$.pipe(tap(() => during.push(model.read())), take(3))); // prettier-ignore
    expect(during[0]).not.toStrictEqual(before);
    expect(model.read()).toStrictEqual(before);
  });

  it('starts from a checkpoint, with the optimizer’s state, and leaves everything as it was', async () => {
    const store = memoryStore();
    const trained = { loss: squaredError, optimizer: adam({ learningRate: 0.05 }), accumulate: 2 };
    const batches = batchesOf([2, 3, 1, 2, 2, 2]);
    await lastValueFrom(train(model, batches, { ...trained, steps: 2 }).pipe(checkpointEvery(2, store)));
    const from = await latest(store);
    const before = model.read();
    const optimizer = adam({ learningRate: (step) => (step <= 2 ? 0.05 : 0.01 * 10 ** (step - 3)) });
    const points = await sweep(batches, { ...trained, from, min: 0.01, max: 0.1, steps: 2 });
    const after = await lastValueFrom(train(model, batches, { ...trained, optimizer, from, epochs: 2, steps: 4 }).pipe(toArray())); // prettier-ignore

    expect(from?.globalStep).toBe(2);
    expect(points.map(({ learningRate }) => learningRate)).toStrictEqual([0.01, 0.1]);
    expect(points.map(({ loss }) => loss)).toStrictEqual(
      after.flatMap((event) => (event.type === 'step' ? event.loss : [])),
    );
    expect(before).not.toStrictEqual(model.read()); // the run went on, the sweep had not
  });

  it('rejects what can never be right at once', () => {
    const generator = (function* () {
      yield batchOf(samples(1));
    })();
    for (const more of [{ min: 0 }, { max: NaN }, { min: 2, max: 1 }, { min: 1, max: 1 }, { steps: 1 }, { steps: 2.5 }])
      expect(() => learningRateRangeTest(model, [], { ...options, ...more })).toThrow(ArgumentError);
    expect(() => learningRateRangeTest(model, generator, options)).toThrow('received a generator');
    expect(() => learningRateRangeTest(model, new ReadableStream<Batch>(), options)).toThrow('received a stream');
  });
});

describe('learningRateRangeTest on wasm', () => {
  it('gives the points of cpu', async () => {
    const more = { min: 1e-3, max: 1, steps: 10, accumulate: 2 };
    const onCpu = await sweep(batchesOf([3, 2]), more);
    await engine('wasm');
    const own = line();
    try {
      const onWasm = await lastValueFrom(
        learningRateRangeTest(own, batchesOf([3, 2]), { ...options, ...more }).pipe(toArray()),
      );
      expect(own.read()).toStrictEqual(model.read());
      onWasm.forEach(({ smoothed }, i) => expect(smoothed).toBeCloseTo(onCpu[i]!.smoothed, 5));
    } finally {
      own.dispose();
      await engine('cpu');
    }
  });
});

describe('suggestLearningRate', () => {
  const curve = (smoothed: number[]): RangeTestPoint[] =>
    smoothed.map((value, i) => ({ learningRate: 10 ** (i - 6), loss: value, smoothed: value }));

  it('takes the rate where the loss falls fastest over the logarithm of the rate', () => {
    expect(suggestLearningRate(curve([9, 9, 8.9, 8, 5, 4, 4, 4.1, 6]))).toBe(10 ** -2);
  });

  it('looks neither beyond the lowest point, nor at the ends, nor at what is not finite', () => {
    expect(suggestLearningRate(curve([9, 8.9, 7, 6, 5.9, 40, 10, 9, 8]))).toBe(10 ** -4);
    expect(suggestLearningRate(curve([9, 8, 7, 6.9, 6.85, 0]))).toBe(10 ** -5);
    expect(suggestLearningRate(curve([9, 8, 7, 6.5, -Infinity, -Infinity, 5]))).toBe(10 ** -5);
    expect(suggestLearningRate(curve([50, 9, 9, 9, 9, 9, 8.8, 8, 7.9, 7.9, 7.9, NaN, Infinity]))).toBe(1);
  });

  it('suggests nothing where the loss does not fall, or for too few points', () => {
    expect(suggestLearningRate(curve([1, 1, 1, 1, 2, 3]))).toBeUndefined();
    expect(suggestLearningRate(curve([1, 2, 3, 4, 5]))).toBeUndefined();
    expect(suggestLearningRate(curve([3, 1]))).toBeUndefined();
    expect(suggestLearningRate([])).toBeUndefined();
  });

  it('suggests, for a quadratic, a rate at which gradient descent is stable and which trains', async () => {
    // The loss of a line is a quadratic; plain gradient descent is stable below 2 over the largest curvature.
    const all = samples(64);
    const rows = all.map(({ x }) => [x[0], x[1], 1]);
    let direction = [1, 1, 1];
    let curvature = 0;
    for (let i = 0; i < 200; i++) {
      const product = [0, 1, 2].map((r) =>
        rows.reduce((sum, row) => sum + (2 / 64) * row[r]! * [0, 1, 2].reduce((s, c) => s + row[c]! * direction[c]!, 0), 0),
      ); // prettier-ignore
      curvature = Math.hypot(...product);
      direction = product.map((value) => value / curvature);
    }
    const rate = suggestLearningRate(await sweep([batchOf(all)], { max: 100 }))!;
    expect(rate).toBeGreaterThan((2 / curvature) * 1e-3);
    expect(rate).toBeLessThan(2 / curvature);

    const events = await lastValueFrom(
      train(model, [batchOf(all)], { loss: mse, optimizer: sgd({ learningRate: rate }), steps: 200 }).pipe(toArray()),
    );
    const losses = events.flatMap((event) => (event.type === 'step' ? event.loss : []));
    expect(losses.at(-1)!).toBeLessThan(losses[0]! / 10);
  });
});
