import * as tf from '@tensorflow/tfjs';
import { catchError, EMPTY, filter, lastValueFrom, map, Subject, tap, toArray } from 'rxjs';
import { describe, expect, it } from 'vitest';

import { readback } from '../../../operators/readback.js';
import { trainStep } from '../../../operators/trainStep.js';
import { checkpointEvery } from '../../../src/checkpoint/checkpointEvery.js';
import { latest } from '../../../src/checkpoint/latest.js';
import { memoryStore } from '../../../src/checkpoint/memoryStore.js';
import type { Batch } from '../../../src/core/batch.js';
import type { LossFunction } from '../../../src/core/loss.js';
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
        skipNonFinite: { giveUpAfter: 3 },
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

  describe('that goes on and fails in its first batch says which it was, compiled as op by op:', () => {
    const good = () => batchesOf([2, 2, 2, 2]);
    const bad: Record<string, readonly [Batch, string]> = {
      'labels that are fewer than their shape says': [
        { ...good()[0]!, ys: { data: new Float32Array(1), shape: [2, 1] } },
        'StepError: backward: failed at global step 3, micro-step 6: Based on the provided shape',
      ],
      'inputs that do not fit': [
        { ...good()[0]!, xs: { data: new Float32Array(6), shape: [2, 3] } },
        'BatchError: forward: micro-batch 6 must fit the model',
      ],
      'too few weights': [{ ...good()[0]!, weight: [1] }, 'BatchError: forward: micro-batch 6 must have one weight'],
    };
    const run = async (compile: boolean, batches: Batch[], from?: Checkpoint, loss: LossFunction = mse) => {
      const [model, store, until] = [line(), memoryStore(), new Subject<void>()];
      let given = 0;
      let error = '';
      const options = { epochs: 2, prefetch: 0, until, ...(from && { from }) };
      await lastValueFrom(
        fromPull(() => batches, options).pipe(
          tap(() => ++given === 5 && until.next()),
          trainStep(model, { loss, optimizer: adamw(), accumulate: 2, compile }),
          readback(),
          checkpointEvery<TrainingEvent>(9, store),
          catchError((thrown: unknown) => ((error = String(thrown)), EMPTY)),
        ),
        { defaultValue: undefined },
      );
      model.dispose();
      return { error, rest: (await latest(store))! };
    };
    it.each(Object.entries(bad))('%s', async (_, [batch, says]) => {
      const { rest } = await run(true, [...good(), good()[0]!]);
      expect(rest.microStep).toBe(5);
      for (const compile of [true, false]) {
        const { error } = await run(compile, [...good(), good()[0]!, batch], rest);
        expect({ compile, error: error.slice(0, says.length) }).toStrictEqual({ compile, error: says });
      }
    });

    it('also where that batch only stands for the end of an epoch', async () => {
      const { rest } = await run(true, [...good(), good()[0]!]);
      const failing = (): never => {
        throw new Error('own fault');
      };
      const { error } = await run(true, [...good(), good()[0]!], rest, failing);
      expect(error).toMatch(/^LossError: .*5.*own fault/);
    });

    it('counts from 1 in a run that starts', async () => {
      const { error } = await run(true, [bad['too few weights']![0]]);
      expect(error).toMatch('micro-batch 1 must have one weight');
    });
  });
});
