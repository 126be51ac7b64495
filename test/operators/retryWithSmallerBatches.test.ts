import * as tf from '@tensorflow/tfjs';
import fc from 'fast-check';
import { lastValueFrom, pipe, tap, toArray, type OperatorFunction } from 'rxjs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { accumulate } from '../../operators/accumulate.js';
import { backward } from '../../operators/backward.js';
import { ema } from '../../operators/ema.js';
import { forward } from '../../operators/forward.js';
import { readback } from '../../operators/readback.js';
import { retryWithSmallerBatches } from '../../operators/retryWithSmallerBatches.js';
import { optimizerStep } from '../../operators/optimizerStep.js';
import { trainStep, type TrainStepOptions } from '../../operators/trainStep.js';
import { changes as tellChanges } from '../../operators/changes.js';
import type { Batch } from '../../src/core/batch.js';
import type { TrainingEvent } from '../../src/core/events.js';
import { fromPull } from '../../src/core/fromPull.js';
import { max, mean, metric, sum, last } from '../../src/core/metric.js';
import type { CustomModel } from '../../src/core/model.js';
import { isOutOfMemory } from '../../src/core/outOfMemory.js';
import { adam } from '../../src/optim/adam.js';
import { sgd } from '../../src/optim/sgd.js';
import { train } from '../../src/trainer/train.js';
import { expectToGoOn } from '../support/cutRun.js';
import { batchesOf, batchOf, line, samples, squaredError, type Line } from '../support/line.js';
import { asOwn, OOM, scarce } from '../support/scarce.js';

const distance = (labels: tf.Tensor, predictions: tf.Tensor) => tf.reshape(tf.abs(tf.sub(labels, predictions)), [-1]);
const metrics = {
  distance,
  perSampleSum: metric(distance, sum),
  perSampleLast: metric(distance, last),
  count: metric((labels: tf.Tensor) => tf.sum(tf.cast(tf.greater(labels, 0), 'float32')), sum),
  worst: metric((labels: tf.Tensor, predictions: tf.Tensor) => tf.max(tf.abs(tf.sub(labels, predictions))), max),
  newest: metric((labels: tf.Tensor) => tf.gather(tf.reshape(labels, [-1]), labels.shape[0]! - 1), last),
};

let model: Line;
let other: Line;
beforeEach(() => ([model, other] = [line(), line()]));
afterEach(() => [model, other].forEach((each) => each.dispose()));

const events = (own: CustomModel, batches: () => Batch[], options: Partial<TrainStepOptions> = {}) =>
  lastValueFrom(
    train(own, batches, { loss: squaredError, optimizer: adam({ learningRate: 0.1 }), retryWithSmallerBatches: true, ...options }).pipe(
      toArray(),
    ),
  ); // prettier-ignore
const steps = (all: readonly TrainingEvent[]) => all.filter(({ type }) => type !== 'change');
const changes = (all: readonly TrainingEvent[]) =>
  all.flatMap((event) => (event.type === 'change' ? [[event.globalStep, event.what, event.from, event.to]] : []));

/** Expects the same, numbers to 1e-6 of their size. */
function expectNear(actual: unknown, expected: unknown): void {
  const numbers: [number, number][] = [];
  const withoutNumbers = (value: unknown): string =>
    JSON.stringify(value, (_, each: unknown) => (typeof each === 'number' ? '#' : each));
  const collect = (a: unknown, b: unknown): void => {
    if (typeof a === 'number') numbers.push([a, b as number]);
    else if (typeof a === 'object' && a !== null)
      for (const key of Object.keys(a))
        collect((a as Record<string, unknown>)[key], (b as Record<string, unknown>)[key]);
  };
  expect(withoutNumbers(actual)).toBe(withoutNumbers(expected));
  collect(actual, expected);
  expect(
    numbers.filter(([a, b]) => !Object.is(a, b) && !(Math.abs(a - b) <= 1e-6 * Math.max(1, Math.abs(b)))),
  ).toStrictEqual([]);
}

describe('retryWithSmallerBatches', () => {
  it('gives the events and weights of a run with enough memory, whatever the sizes, the weights, the room and the window', async () => {
    const weight = (size: number) =>
      fc.oneof(
        fc.constant(undefined),
        fc.double({ min: 0, max: 9, noNaN: true }),
        fc.array(fc.constantFrom(0, 0.5, 1, 3), { minLength: size, maxLength: size }),
      );
    const batch$ = fc
      .integer({ min: 1, max: 9 })
      .chain((size) => fc.record({ size: fc.constant(size), weight: weight(size) }));
    await fc.assert(
      fc.asyncProperty(
        fc.array(batch$, { minLength: 1, maxLength: 6 }),
        fc.integer({ min: 1, max: 5 }),
        fc.integer({ min: 1, max: 3 }),
        async (shapes, room, window) => {
          const [scant, ample] = [line(), line()];
          try {
            let from = 0;
            const batches = shapes.map(({ size, weight }) => batchOf(samples(size, (from += 10)), weight));
            // A scalar for the batch cannot be weighed by samples.
            const perSample = { distance, perSampleSum: metrics.perSampleSum, perSampleLast: metrics.perSampleLast };
            const options = { metrics: perSample, accumulate: window, clipNorm: 1, skipNonFinite: true, optimizer: sgd({ learningRate: 0.1 }) };
            const [retried, plain] = [
              await events(scarce(scant, () => room), () => batches, options),
              await events(ample, () => batches, options),
            ];
            expectNear(steps(retried), plain);
            expectNear(scant.read(), ample.read());
          } finally {
            scant.dispose();
            ample.dispose();
          }
        },
      ),
      { numRuns: 60 },
    ); // prettier-ignore
  });

  it('reduces metrics of every kind as they declare', async () => {
    const batches = () => batchesOf([7, 3, 5, 1]);
    const retried = await events(scarce(model, () => 2), batches, { metrics, accumulate: 2 }); // prettier-ignore
    const plain = await events(other, batches, { metrics, accumulate: 2 });

    expectNear(steps(retried), plain);
    expect(changes(retried).length).toBeGreaterThan(0);
  });

  it('halves until it fits, tells each halving before the step, and does not try again what was too much', async () => {
    const sizes: number[] = [];
    const watched = scarce(model, (xs) => (sizes.push(xs.shape[0]!), sizes.length < 3 ? 9 : 2));
    const all = await events(watched, () => batchesOf([8, 8, 8, 3, 8]), { accumulate: 2 });

    expect(sizes).toStrictEqual([8, 8, 8, 4, 2, 2, 2, 2, 2, 1, 2, 2, 2, 2]);
    expect(changes(all)).toStrictEqual([
      [2, 'microBatchSize', 8, 4],
      [2, 'microBatchSize', 4, 2],
    ]);
    expect(all.map(({ type, globalStep }) => `${type}${globalStep}`)).toStrictEqual(['step1', 'change2', 'change2', 'step2', 'step3', 'end3']); // prettier-ignore
    expect(all.flatMap((event) => (event.type === 'step' ? event.microBatches.length : []))).toStrictEqual([2, 2, 1]);
    expect(all.flatMap((event) => (event.type === 'step' ? event.microStep : []))).toStrictEqual([2, 4, 5]);
  });

  it('tells each halving in its place where several steps are read at once, and once', async () => {
    let calls = 0;
    const watched = scarce(model, () => ((calls += 1) === 3 ? 1 : 2));
    const all = await lastValueFrom(
      fromPull(batchesOf([2, 2, 2, 2])).pipe(
        forward(watched, squaredError),
        retryWithSmallerBatches(),
        backward(),
        accumulate(1),
        optimizerStep(sgd()),
        readback(4),
        tellChanges(),
        ema('loss'),
        toArray(),
      ),
    );

    expect(all.map(({ type }) => type)).toStrictEqual(['step', 'step', 'change', 'step', 'step']);
    expect(JSON.parse(JSON.stringify(all[2]))).toStrictEqual({
      type: 'change',
      globalStep: 3,
      epoch: 1,
      what: 'microBatchSize',
      from: 2,
      to: 1,
    });
  });

  it('splits tensors, lists and names, and leaves none of them behind', async () => {
    const two: CustomModel = {
      variables: model.variables,
      apply: ({ left, right }: Record<string, tf.Tensor2D>) => model.apply(tf.concat([left!, right!], 1), { training: true }) as tf.Tensor, // prettier-ignore
    };
    const room = { ...two, apply: (xs: Record<string, tf.Tensor2D>, o: { training: boolean }) => {
      if (xs['left']!.shape[0] > 2) throw new Error(OOM);
      return two.apply(xs, o) as tf.Tensor;
    } }; // prettier-ignore
    const all = samples(5);
    const named = (): Batch => ({
      xs: { left: tf.tensor2d(all.map(({ x }) => [x[0]])), right: { data: Float32Array.from(all.map(({ x }) => x[1])), shape: [5, 1] } },
      ys: [tf.tensor2d(all.map(({ y }) => [y]))],
    }); // prettier-ignore
    const ofFirst = ([labels]: [tf.Tensor2D], predictions: tf.Tensor2D) => squaredError(labels, predictions);
    const retried = await events(room, () => [named()], { loss: ofFirst as never });
    const plain = await events(other, () => [batchOf(all)]);

    expectNear(steps(retried), plain);
    expectNear(model.read(), other.read());
  });

  it.each([
    ['the loss', { loss: (l: tf.Tensor2D, p: tf.Tensor2D) => (fail(l), squaredError(l, p)) }],
    ['a metric', { metrics: { m: metric((l: tf.Tensor, p: tf.Tensor) => (fail(l), distance(l, p)), mean) } }],
  ])('takes part where memory runs out in %s', async (_, options) => {
    const retried = await events(model, () => batchesOf([5, 4]), options);
    const plain = await events(
      other,
      () => batchesOf([5, 4]),
      'metrics' in options ? { metrics: { m: distance } } : {},
    );

    expectNear(steps(retried), plain);
    expect(changes(retried)).toStrictEqual([
      [1, 'microBatchSize', 5, 3],
      [1, 'microBatchSize', 3, 2],
    ]);
  });

  it('takes part where memory runs out in a gradient, with nothing of the pass left in memory', async () => {
    const strained = (own: Line, room: number): CustomModel => ({
      variables: own.variables,
      apply: (xs: tf.Tensor2D) => {
        const weak = tf.customGrad((h, save) => {
          (save as tf.GradSaveFunc)([h as tf.Tensor]);
          const gradFunc = (dy: tf.Tensor): tf.Tensor => {
            if (dy.shape[0]! > room) throw new Error(OOM);
            return dy;
          };
          return { value: tf.clone(h as tf.Tensor), gradFunc };
        });
        return weak(own.apply(tf.sin(xs), { training: true }) as tf.Tensor);
      },
    });
    const retried = await events(strained(model, 1), () => batchesOf([5, 4]));
    const plain = await events(strained(other, 9), () => batchesOf([5, 4]));

    expectNear(steps(retried), plain);
    expect(changes(retried)).toHaveLength(3);
    const failing = events(strained(model, 0), () => batchesOf([3])); // prettier-ignore
    await expect(failing).rejects.toMatchObject({ name: 'OutOfMemoryError' });
  });

  it('gives up at one sample, with a typed error', async () => {
    const failing = events(scarce(model, () => 0), () => batchesOf([2, 4])); // prettier-ignore
    await expect(failing).rejects.toMatchObject({
      name: 'OutOfMemoryError',
      message: expect.stringMatching(/one sample must fit in memory.*OOM when allocating/s) as string,
      cause: { name: 'BatchError', cause: { message: OOM } },
    });
    expect(isOutOfMemory(await failing.catch((error: unknown) => error))).toBe(true);
  });

  it('passes any other error on untouched, and memory’s where it is not asked for', async () => {
    const wrong = scarce(model, () => 0, { message: 'inner shapes must match' });
    const [asked, plain] = [true, false].map((retryWithSmallerBatches) =>
      events(wrong, () => batchesOf([2]), { retryWithSmallerBatches }).catch(String),
    );
    expect(await asked).toBe(await plain);
    expect(await plain).toContain('inner shapes must match');
    await expect(events(scarce(model, () => 1), () => batchesOf([2]), { retryWithSmallerBatches: false })).rejects.toMatchObject({ name: 'BatchError' }); // prettier-ignore
  });

  it('errors where a batch does not fit together, in parts too', async () => {
    const wrong = { ...batchOf(samples(4)), ys: batchOf(samples(3)).ys };
    await expect(events(scarce(model, () => 1), () => [batchOf(samples(2)), wrong])).rejects.toThrow('one label for each sample'); // prettier-ignore
  });

  it('errors for a metric of the whole batch with a reducer of its own', async () => {
    const own = metric(metrics.worst.compute, (values) => values[0]!);
    await expect(events(scarce(model, () => 2), () => batchesOf([3]), { metrics: { own } })).rejects.toMatchObject({ name: 'ArgumentError' }); // prettier-ignore
    expect(await events(scarce(model, () => 2), () => batchesOf([2]), { metrics: { own } })).toHaveLength(2); // prettier-ignore
  });

  it('moves a batch norm’s averages once for each part, not for what failed after them', async () => {
    const network = () =>
      tf.sequential({
        layers: [
          tf.layers.batchNormalization({ inputShape: [2] }),
          tf.layers.dense({ units: 1, kernelInitializer: 'ones' }),
        ],
      });
    const [scant, ample] = [network(), network()];
    const options = { optimizer: sgd({ learningRate: 0.1 }) };
    await events(
      scarce(asOwn(scant), () => 2, { late: true }),
      () => batchesOf([4, 4]),
      { ...options, accumulate: 1 },
    );
    await events(asOwn(ample), () => batchesOf([2, 2, 2, 2]), { ...options, accumulate: 2 });

    const read = (own: tf.LayersModel) => own.weights.flatMap((weight) => [...weight.read().dataSync()]);
    expectNear(read(scant), read(ample));
    [scant, ample].forEach((own) => own.dispose());
  });

  it('goes on from any micro-batch as if it had never stopped, smaller parts and untold changes included', async () => {
    // Memory runs out at the fifth micro-batch, in mid-window: where the data say so, the same in both runs.
    const room = (xs: tf.Tensor) => (xs.shape[0]! > 2 && Math.abs(xs.dataSync()[0]! + 0.9718) < 0.001 ? 2 : 3);
    let told = 0;
    const stages = (model: tf.LayersModel): OperatorFunction<Batch, TrainingEvent> =>
      pipe(
        trainStep(scarce(asOwn(model), room, { late: true }), {
          loss: squaredError as never,
          optimizer: adam({ learningRate: 0.05 }),
          accumulate: 3,
          retryWithSmallerBatches: true,
          compile: false,
        }),
        readback(),
        tellChanges(),
        tap(({ type }) => (told += type === 'change' ? 1 : 0)),
      );
    await expectToGoOn(stages);
    expect(told).toBe(1 + 5); // once in each run that begins before it has been told
  });
});

function fail(labels: tf.Tensor): void {
  if (labels.shape[0]! > 2) throw new Error('out of memory');
}
