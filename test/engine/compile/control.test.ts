import * as tf from '@tensorflow/tfjs';
import { lastValueFrom, pipe, Subject, toArray } from 'rxjs';
import { describe, expect, it } from 'vitest';

import { averageWeights } from '../../../operators/averageWeights.js';
import { reduceOnPlateau } from '../../../operators/reduceOnPlateau.js';
import { stopEarly } from '../../../operators/stopEarly.js';
import { validateEvery } from '../../../operators/validateEvery.js';
import type { Batch } from '../../../src/core/batch.js';
import type { TrainingEvent } from '../../../src/core/events.js';
import { mse } from '../../../src/losses/mse.js';
import { sgd } from '../../../src/optim/sgd.js';
import { train } from '../../../src/trainer/train.js';
import { absent, INSTALLED } from '../node/installed.js';
import { expectSame, onNode, randomBatches, type Scenario } from './support.js';

const held = () => randomBatches([3, 1]);
/** Batches of which those of `bad`, counted from 0, have a label without end. */
const withInfinite = (count: number, bad: readonly number[]): Batch[] =>
  randomBatches(Array<number>(count).fill(2)).map((batch, i) => {
    const ys = batch.ys as { data: Float32Array; shape: number[] };
    return bad.includes(i) ? { ...batch, ys: { ...ys, data: ys.data.map(() => Infinity) } } : batch;
  });
const normed = () =>
  tf.sequential({
    layers: [
      tf.layers.dense({
        inputShape: [3],
        units: 4,
        useBias: false,
        kernelInitializer: tf.initializers.glorotUniform({ seed: 1 }),
      }),
      tf.layers.batchNormalization(),
      tf.layers.dense({ units: 2, kernelInitializer: tf.initializers.glorotUniform({ seed: 2 }) }),
    ],
  });

const scenarios: Record<string, Scenario<tf.LayersModel>> = {
  'weights averaged at each step, and validated': {
    model: normed,
    options: () => ({ epochs: 2, accumulate: 2 }),
    stage: () =>
      pipe(
        validateEvery<TrainingEvent>(2, held),
        averageWeights<TrainingEvent>({ decay: 0.8 }),
        validateEvery<TrainingEvent>(2, held),
      ),
  },
  'weights averaged now and then, validated in between, and left alone': {
    options: () => ({ epochs: 3 }),
    stage: () => pipe(averageWeights<TrainingEvent>({ from: 2, every: 3, adopt: false }), validateEvery(1, held)),
    during: (_event, model) => tf.tidy(() => [...model.getWeights()[0]!.dataSync()]),
  },
  'a learning rate that is lowered, and an early end': {
    options: () => ({ epochs: 9 }),
    stage: () =>
      pipe(
        reduceOnPlateau<TrainingEvent>('loss', { patience: 2, factor: 0.5, minDelta: 100 }),
        stopEarly<TrainingEvent>('loss', { patience: 5, minDelta: 100 }),
      ),
  },
  'steps that are skipped and counted': {
    batches: () => withInfinite(6, [1, 2, 4]),
    options: () => ({ skipNonFinite: { giveUpAfter: 3 } }),
  },
  'steps that are skipped until it gives up': {
    batches: () => withInfinite(6, [2, 3]),
    options: () => ({ skipNonFinite: { giveUpAfter: 2 } }),
    fails: /^NonFiniteError: skipNonFinite: fewer than 2 steps in a row must be skipped/,
  },
};

describe.skipIf(absent)(`what controls a run, compiled as op by op ${INSTALLED}`, () => {
  onNode();

  it.each([true, false])(
    'hears what a live learning rate has said before the first batch (compile: %s)',
    async (compile) => {
      const rate$ = new Subject<number>();
      const data = async function* (): AsyncGenerator<Batch> {
        await new Promise((resolve) => setTimeout(resolve, 20));
        yield* randomBatches([2, 2]);
      };
      const model = normed();
      const options = { loss: mse, optimizer: sgd({ learningRate: rate$ }), compile };
      const events = lastValueFrom(train(model, data(), options).pipe(toArray()));
      rate$.next(0.25);
      const rates = (await events).flatMap((event) => (event.type === 'step' ? [event.learningRate] : []));
      expect(rates).toStrictEqual([0.25, 0.25]);
      model.dispose();
    },
  );

  it.each(Object.entries(scenarios))('%s', async (_, scenario) => {
    const { events } = await expectSame(scenario);
    expect(events.length).toBeGreaterThan(2);
  });
});
