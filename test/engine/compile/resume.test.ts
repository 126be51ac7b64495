import * as tf from '@tensorflow/tfjs';
import { lastValueFrom } from 'rxjs';
import { describe, expect, it } from 'vitest';

import { checkpointEvery } from '../../../src/checkpoint/checkpointEvery.js';
import { latest } from '../../../src/checkpoint/latest.js';
import { memoryStore } from '../../../src/checkpoint/memoryStore.js';
import type { Checkpoint } from '../../../src/core/snapshot.js';
import { mse } from '../../../src/losses/mse.js';
import { adamw } from '../../../src/optim/adamw.js';
import { train } from '../../../src/trainer/train.js';
import { expectToGoOn, stagesToCut } from '../../support/cutRun.js';
import { batchesOf } from '../../support/line.js';
import { absent, INSTALLED } from '../node/installed.js';
import { onNode } from './support.js';

describe.skipIf(absent)(`C11 for compiled steps ${INSTALLED}`, () => {
  onNode();

  it.each(Object.entries(stagesToCut(true)))(
    '%s, bit for bit, cut at every fifth micro-step: the shapes take turns in being first',
    async (_, stages) => {
      await expectToGoOn(stages, 5);
    },
    60_000,
  );

  it('saves what an eager run saves, by the same names, and either goes on from it', async () => {
    const run = async (compile: boolean, from?: Checkpoint): Promise<Checkpoint> => {
      const model = tf.sequential({ layers: [tf.layers.dense({ units: 1, inputShape: [2] })] });
      const options = {
        loss: mse,
        optimizer: adamw(),
        accumulate: 2,
        clipNorm: 1,
        skipNonFinite: true,
        epochs: from ? 3 : 2,
        compile,
      };
      const store = memoryStore();
      await lastValueFrom(train(model, batchesOf([2, 2, 2]), { ...options, from }).pipe(checkpointEvery(1, store)));
      model.dispose();
      return (await latest(store))!;
    };
    const formOf = ({ stages }: Checkpoint) =>
      Object.fromEntries(
        Object.entries(stages).map(([name, { data, arrays = {} }]) => [
          name,
          [
            (data as { options?: unknown }).options,
            Object.entries(arrays)
              .map(([key, { shape }]) => [key, shape])
              .sort(),
          ],
        ]),
      );
    const [compiled, eager] = [await run(true), await run(false)];
    expect(formOf(compiled)).toStrictEqual(formOf(eager));
    expect(formOf(await run(false, compiled))).toStrictEqual(formOf(await run(true, eager)));
  });
});
