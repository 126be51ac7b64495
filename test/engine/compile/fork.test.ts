import * as tf from '@tensorflow/tfjs';
import { concat, ignoreElements, lastValueFrom, of, tap, toArray } from 'rxjs';
import { describe, expect, it } from 'vitest';

import { readback } from '../../../operators/readback.js';
import { trainStep } from '../../../operators/trainStep.js';
import { fromPull } from '../../../src/core/fromPull.js';
import { waitMap } from '../../../src/core/run.js';
import { mse } from '../../../src/losses/mse.js';
import { adam } from '../../../src/optim/adam.js';
import { sgd } from '../../../src/optim/sgd.js';
import { fork } from '../../../src/trainer/fork.js';
import { learningRateRangeTest } from '../../../src/trainer/learningRateRangeTest.js';
import { train } from '../../../src/trainer/train.js';
import { absent, INSTALLED } from '../node/installed.js';
import { layers, onNode, randomBatches } from './support.js';

const network = () =>
  layers(
    [3],
    tf.layers.dense({ units: 4, useBias: false }),
    tf.layers.batchNormalization(),
    tf.layers.dense({ units: 2 }),
  );
const read = (model: tf.LayersModel) => model.weights.map((weight) => [...weight.read().dataSync()]);
const options = { loss: mse, optimizer: adam({ learningRate: 0.05 }), compile: true, accumulate: 2 };
const batches = randomBatches([4, 4, 4, 4, 2]);

describe.skipIf(absent)(`fork around compiled steps ${INSTALLED}`, () => {
  onNode();

  it('gives the model back, bit for bit, when the work ends, fails and is unsubscribed', async () => {
    const model = network();
    const before = read(model);
    const during: number[][][] = [];
    const ended: number[][][] = [];
    const work = () => train(model, batches, options).pipe(tap(() => during.push(read(model))));
    await lastValueFrom(fork(model, work).pipe(tap({ complete: () => ended.push(read(model)) })));
    expect(ended).toStrictEqual([before]);
    expect(during[0]!.filter((values, i) => String(values) === String(before[i]))).toStrictEqual([]);
    expect(read(model)).toStrictEqual(before);

    const wrong = [...batches, { ...batches[0]!, ys: batches[4]!.ys }];
    await expect(lastValueFrom(fork(model, () => train(model, wrong, options)))).rejects.toThrow('one label');
    expect(read(model)).toStrictEqual(before);

    await new Promise<void>((resolve) => {
      const run = fork(model, work).subscribe(() => (run.unsubscribe(), resolve()));
    });
    expect(read(model)).toStrictEqual(before);
    model.dispose();
  });

  it('leaves a compiled run that waits for it as if nothing had been', async () => {
    const outcome = async (forks: boolean) => {
      const model = network();
      let tried = 0;
      const meanwhile = () =>
        fork(model, () => train(model, batches, { ...options, optimizer: sgd({ learningRate: 1 }) }));
      const events = await lastValueFrom(
        fromPull(batches).pipe(
          trainStep(model, options),
          waitMap((step) => (forks ? concat(meanwhile().pipe(tap(() => (tried += 1)), ignoreElements()), of(step)) : of(step))), // prettier-ignore
          readback(),
          toArray(),
        ),
      );
      const weights = read(model);
      model.dispose();
      expect(tried).toBe(forks ? 3 * 4 : 0);
      return { events: JSON.stringify(events), weights };
    };
    expect(await outcome(true)).toStrictEqual(await outcome(false));
  });

  it('lets a range test run compiled, with the points of one that runs op by op', async () => {
    const model = network();
    const before = read(model);
    const sweep = (compile: boolean) =>
      lastValueFrom(
        learningRateRangeTest(model, batches, { ...options, compile, min: 1e-4, max: 1, steps: 8 }).pipe(toArray()),
      );
    const [compiled, eager] = [await sweep(true), await sweep(false)];

    expect(compiled.map(({ learningRate }) => learningRate)).toStrictEqual(
      eager.map(({ learningRate }) => learningRate),
    );
    compiled.forEach(({ smoothed }, i) => expect(smoothed).toBeCloseTo(eager[i]!.smoothed, 4));
    expect(read(model)).toStrictEqual(before);
    model.dispose();
  });
});
