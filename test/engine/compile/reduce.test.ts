import { delay, lastValueFrom, map, of, toArray, type MonoTypeOperatorFunction } from 'rxjs';
import { beforeEach, describe, expect, it } from 'vitest';

import { allReduce } from '../../../operators/allReduce.js';
import { trainStep, type TrainStepOptions } from '../../../operators/trainStep.js';
import { readback } from '../../../operators/readback.js';
import { fromPull } from '../../../src/core/fromPull.js';
import { waitMap } from '../../../src/core/run.js';
import { tensors } from '../../../src/core/tensors.js';
import type { GradientStep } from '../../../src/core/values.js';
import { sgd } from '../../../src/optim/sgd.js';
import { sharedWorld, threads } from '../../../src/replicas/threads.js';
import { batchesOf, line, squaredError } from '../../support/line.js';
import { absent, INSTALLED } from '../node/installed.js';
import { onNode } from './support.js';

/** What an all-reduce does, as far as a step sees it: another mean, and the micro-batches of a second replica, too. */
const reduced: MonoTypeOperatorFunction<GradientStep> = map((step) => {
  const { clone, mul } = tensors();
  const gradients = mul<GradientStep['gradients']>(step.gradients, 0.5);
  step.gradients.dispose();
  const others = step.microBatches.map((result) => ({ ...result, loss: clone(result.loss), metrics: {} }));
  return { ...step, gradients, microBatches: [...step.microBatches, ...others], worldSize: 2 };
});

/** The same, after a while. */
const reducedLater: MonoTypeOperatorFunction<GradientStep> = (source) =>
  source.pipe(waitMap((step) => of(step).pipe(reduced, delay(2))));

/** What came of two epochs: the weights, and each step's numbers. */
async function trained(sizes: readonly number[], options: Partial<TrainStepOptions>) {
  const model = line();
  const events = await lastValueFrom(
    fromPull(batchesOf(sizes), { epochs: 2 }).pipe(
      trainStep(model, {
        loss: squaredError,
        optimizer: sgd({ learningRate: 0.1, momentum: 0.9 }),
        accumulate: 2,
        ...options,
      }),
      readback(),
      toArray(),
    ),
  );
  const weights = model.read();
  model.dispose();
  const numbers = events.map(({ loss, gradientNorm, samples, worldSize }) => [
    loss,
    gradientNorm ?? 0,
    samples,
    worldSize,
  ]);
  return { weights, numbers };
}

describe.skipIf(absent)(`trainStep with reduce ${INSTALLED}`, () => {
  onNode();

  const run = (options: Partial<TrainStepOptions>) => trained([4, 2, 3, 1, 4, 4, 2], options);
  let plain!: Awaited<ReturnType<typeof trained>>;
  beforeEach(async () => (plain = await run({ compile: false })));

  it.each([
    ['at once', { reduce: reduced }],
    ['after a while', { reduce: reducedLater }],
    ['before clipping and the check', { reduce: reducedLater, clipNorm: 0.5, skipNonFinite: true }],
  ])('hands the window mean out of the graph and back, %s', async (_, options) => {
    const [eager, compiled] = [await run({ ...options, compile: false }), await run({ ...options, compile: true })];
    compiled.numbers.flat().forEach((value, i) => expect(value).toBeCloseTo(eager.numbers.flat()[i]!, 5));
    compiled.weights.forEach((value, i) => expect(value).toBeCloseTo(eager.weights[i]!, 4));
    expect(eager.weights).not.toEqual(plain.weights);
    expect(compiled.numbers.every(([, , , worldSize]) => worldSize === 2)).toBe(true);
  });
});

describe.skipIf(absent)(`allReduce behind a compiled step ${INSTALLED}`, () => {
  onNode();

  it('gives what it gives op by op: in events, and in weights', async () => {
    const run = async (compile: boolean) => {
      const world = sharedWorld(2);
      const shards = [
        [4, 2, 3, 1, 4],
        [2, 3, 1],
      ];
      const replica = (sizes: readonly number[], rank: number) =>
        trained(sizes, { clipNorm: 0.5, compile, reduce: allReduce(threads(world, rank), { checkEvery: 1 }) });
      return Promise.all(shards.map(replica));
    };
    const [eager, compiled] = [await run(false), await run(true)];
    expect(compiled[0]!.numbers).toHaveLength(6);
    expect(compiled[1]!.weights).toStrictEqual(compiled[0]!.weights);
    compiled.forEach((each, rank) => {
      each.weights.forEach((weight, i) => expect(weight).toBeCloseTo(eager[rank]!.weights[i]!, 5));
      each.numbers.flat().forEach((value, i) => expect(value).toBeCloseTo(eager[rank]!.numbers.flat()[i]!, 5));
    });
  });
});
