import * as tf from '@tensorflow/tfjs';
import { filter, lastValueFrom, map, Subject, tap, toArray } from 'rxjs';
import { describe, expect, it } from 'vitest';

import { readback } from '../../../operators/readback.js';
import { trainStep } from '../../../operators/trainStep.js';
import { checkpointEvery } from '../../../src/checkpoint/checkpointEvery.js';
import { latest } from '../../../src/checkpoint/latest.js';
import { memoryStore } from '../../../src/checkpoint/memoryStore.js';
import type { TrainingEvent } from '../../../src/core/events.js';
import { fromPull } from '../../../src/core/fromPull.js';
import type { Checkpoint } from '../../../src/core/snapshot.js';
import { mse } from '../../../src/losses/mse.js';
import { adamw } from '../../../src/optim/adamw.js';
import { train } from '../../../src/trainer/train.js';
import { expectToGoOn, granularToCut, stagesToCut } from '../../support/cutRun.js';
import { batchesOf, line, squaredError } from '../../support/line.js';
import { absent, INSTALLED } from '../node/installed.js';
import { onNode } from './support.js';

/** Each cut is a run of its own, and a graph to be built; beside other work, some will do. */
const EVERY = process.env['CI'] ? 1 : 7;
const WHERE = EVERY === 1 ? 'every micro-step' : `every ${EVERY}th micro-step`;

describe.skipIf(absent)(`C11 ${INSTALLED}`, () => {
  onNode();

  it.each(Object.entries(stagesToCut(true)))(
    `compiled, %s, bit for bit, cut at ${WHERE}: the shapes take turns in being first`,
    async (_, stages) => {
      await expectToGoOn(stages, EVERY);
    },
    240_000,
  );

  it.each(Object.entries({ ...stagesToCut(false), 'stage by stage': granularToCut }))(
    `op by op, %s, bit for bit, cut at ${WHERE}`,
    async (_, stages) => {
      await expectToGoOn(stages, EVERY);
    },
    240_000,
  );

  it('compiled, stopped where an epoch ends in mid-window: that window is the epoch’s, bit for bit', async () => {
    const run = async (stopAt: number, from?: Checkpoint) => {
      const [model, store, until] = [line(), memoryStore(), new Subject<void>()];
      let given = 0;
      const events$ = fromPull(() => batchesOf([2, 2, 2, 1]), {
        epochs: 2,
        prefetch: 0,
        until,
        ...(from && { from }),
      }).pipe(
        tap(() => ++given === stopAt && until.next()),
        trainStep(model, { loss: squaredError, optimizer: adamw(), accumulate: 3, compile: true }),
        readback(),
        checkpointEvery<TrainingEvent>(9, store),
        filter(({ type }) => type === 'step'),
        map((event) => structuredClone({ ...event })),
        toArray(),
      );
      const events = await lastValueFrom(events$);
      const weights = model.read();
      model.dispose();
      return { events, weights, rest: await latest(store) };
    };
    const whole = await run(Infinity);
    for (const stopAt of [4, 8]) {
      const first = await run(stopAt);
      const second = await run(Infinity, first.rest);
      expect([...first.events, ...second.events]).toStrictEqual(whole.events);
      expect(second.weights).toStrictEqual(whole.weights);
    }
  });

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
      await lastValueFrom(
        train(model, batchesOf([2, 2, 2]), { ...options, from }).pipe(checkpointEvery(1, store, { whenBusy: 'wait' })),
      );
      model.dispose();
      return (await latest(store))!;
    };
    const formOf = ({ stages }: Checkpoint) =>
      Object.fromEntries(
        Object.entries(stages).map(([name, { data, arrays = {} }]) => [
          name,
          [
            (data as { options?: unknown } | undefined)?.options,
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
