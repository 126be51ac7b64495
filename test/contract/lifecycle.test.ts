import * as tf from '@tensorflow/tfjs';
import fc from 'fast-check';
import {
  concatMap,
  delay,
  ignoreElements,
  lastValueFrom,
  of,
  take,
  tap,
  throwError,
  timer,
  toArray,
  type Observable,
  type OperatorFunction,
} from 'rxjs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { accumulate } from '../../operators/accumulate.js';
import { backward } from '../../operators/backward.js';
import { clipByGlobalNorm } from '../../operators/clipByGlobalNorm.js';
import { ema } from '../../operators/ema.js';
import { forward } from '../../operators/forward.js';
import { logEvery } from '../../operators/logEvery.js';
import { optimizerStep } from '../../operators/optimizerStep.js';
import { readback } from '../../operators/readback.js';
import { skipNonFinite } from '../../operators/skipNonFinite.js';
import { tee, type Sink, type TeeOptions } from '../../operators/tee.js';
import { throughput } from '../../operators/throughput.js';
import { validateEvery } from '../../operators/validateEvery.js';
import type { Batch } from '../../src/core/batch.js';
import type { TrainingEvent } from '../../src/core/events.js';
import { fromPull } from '../../src/core/fromPull.js';
import { batch } from '../../src/data/batch.js';
import { fromArrays } from '../../src/data/fromArrays.js';
import { shuffle } from '../../src/data/shuffle.js';
import { adam } from '../../src/optim/adam.js';
import { train } from '../../src/trainer/train.js';
import { batchesOf, batchOf, line, samples, squaredError, type Line } from '../support/line.js';

let model: Line;
let afterModel = 0;
beforeEach(() => {
  model = line();
  afterModel = tf.memory().numTensors;
});
afterEach(() => model.dispose());

const all = <T>(events$: Observable<T>): Promise<T[]> => lastValueFrom(events$.pipe(toArray()));
const options = { loss: squaredError, optimizer: adam({ learningRate: 0.05 }), accumulate: 2 };
/** What a source has begun to give when the run ends may be freed a moment later. */
const settle = () => new Promise((resolve) => setTimeout(resolve, 2));

type Any = OperatorFunction<never, unknown>;
/** Every stage of a full run, in order. */
const stages = (): Any[] =>
  [
    forward(model, squaredError),
    backward(),
    accumulate(2),
    skipNonFinite(),
    clipByGlobalNorm(1),
    optimizerStep(options.optimizer),
    validateEvery(2, () => batchesOf([2])),
    readback(2),
    ema('loss'),
    throughput(),
    tee(() => timer(0)),
    logEvery(1),
  ] as Any[];
const piped = (source: Observable<unknown>, operators: Any[]) =>
  operators.reduce<Observable<unknown>>((s, operator) => s.pipe(operator as never), source);

describe('C7: peak memory does not grow with k', () => {
  it('one set of gradients is alive whatever k is', async () => {
    const most = async (k: number) => {
      let bytes = 0;
      await all(
        fromPull(Array.from({ length: k }, () => batchOf(samples(1)))).pipe(
          forward(model, squaredError),
          backward(),
          tap(() => (bytes = Math.max(bytes, tf.memory().numBytes))),
          accumulate(k),
          tap(() => (bytes = Math.max(bytes, tf.memory().numBytes))),
          optimizerStep(options.optimizer),
          readback(),
        ),
      );
      return bytes;
    };
    const gradients = 3 * 4;
    const loss = 4;

    expect((await most(64)) - (await most(2))).toBeLessThanOrEqual(62 * loss);
    expect((await most(2)) - (await most(1))).toBeLessThanOrEqual(gradients + loss);
  });
});

describe('C8: no tensor survives a run, however it ends', () => {
  it('on completion', async () => {
    await all(piped(fromPull(batchesOf([2, 1, 2])), stages()));
    expect(tf.memory().numTensors).toBe(afterModel);
  });

  it.each(Array.from({ length: 13 }, (_, i) => i))(
    'on an error behind stage %d, with the source in mid-window',
    async (at) => {
      const failing = piped(fromPull(batchesOf([1, 1, 1, 1, 1])), [
        ...stages().slice(0, at),
        concatMap((value, i) => (i < 1 ? of(value) : (disposeAll(value), throwError(() => new Error('cut'))))) as Any,
        ...stages().slice(at),
      ]);
      await expect(all(failing)).rejects.toThrow('cut');
      await settle();
      expect(tf.memory().numTensors).toBe(afterModel);
    },
  );

  it('when the source fails in mid-window', async () => {
    function* source(): Generator<Batch> {
      yield* batchesOf([1, 1, 1]);
      throw new Error('disk gone');
    }
    await expect(all(piped(fromPull(source()), stages()))).rejects.toThrow('failed after 3 batches: disk gone');
    expect(tf.memory().numTensors).toBe(afterModel);
  });

  it('on unsubscription behind any stage, after any number of values (property)', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 12 }),
        fc.integer({ min: 1, max: 5 }),
        fc.integer({ min: 0, max: 4 }),
        async (depth, values, ms) => {
          const tensors = (count: number) =>
            Array.from({ length: count }, () => ({ xs: tf.tensor2d([[1, 2]]), ys: tf.tensor2d([[3]]) }));
          const run$ = piped(
            fromPull(
              function* () {
                for (;;) yield* tensors(1);
              },
              { epochs: 1, prefetch: 2 },
            ),
            stages().slice(0, depth),
          ).pipe(tap(disposeAll));
          await lastValueFrom(run$.pipe(take(values)));
          await settle();
          expect(tf.memory().numTensors).toBe(afterModel);
          const run = run$.subscribe();
          await new Promise((resolve) => setTimeout(resolve, ms));
          run.unsubscribe();
          await settle();
          expect(tf.memory().numTensors).toBe(afterModel);
        },
      ),
      { numRuns: 40 },
    );
  });

  it('every event is plain data: it survives JSON and a structured clone', async () => {
    const events = await all(train(model, batchesOf([2, 1]), options).pipe(validateEvery(1, batchesOf([2]))));
    const plain = JSON.parse(JSON.stringify(events)) as TrainingEvent[];

    expect(structuredClone(events)).toStrictEqual(plain);
    expect(plain.map(({ type }) => type)).toStrictEqual(['step', 'validation', 'end']);
  });
});

describe('C9: sinks never change a run', () => {
  const weights = async (sinks: Sink<TrainingEvent>[], whenBusy: NonNullable<TeeOptions['whenBusy']>) => {
    const own = line();
    await all(
      sinks.reduce(
        (run$, sink) => run$.pipe(tee(sink, { whenBusy })),
        train(own, batchesOf([2, 1, 2, 1, 1]), { ...options, epochs: 2 }),
      ),
    );
    const read = own.read();
    own.dispose();
    return read;
  };

  it.each<[NonNullable<TeeOptions['whenBusy']>]>([['wait'], ['drop'], ['latest'], [{ buffer: 2 }]])(
    'weights are bit-equal without sinks and with five slow ones (%j)',
    async (whenBusy) => {
      let [took, dropped, ended] = [0, 0, 0];
      const slow = (ms: number): Sink<TrainingEvent> => ({
        next: () => of((took += 1)).pipe(delay(ms), ignoreElements()),
        dropped: (count) => void (dropped += count),
        complete: () => of((ended += 1)),
      });

      const sinks = [slow(0), slow(1), slow(20), slow(0), slow(1)];
      expect(await weights(sinks, whenBusy)).toStrictEqual(await weights([], whenBusy));
      expect([took + dropped, ended]).toStrictEqual([5 * 7, 5]);
      expect(dropped > 0).toBe(whenBusy !== 'wait');
    },
  );
});

describe('C12: the same seed gives the same run', () => {
  it('in order of data, events and weights; another seed another run; 0 is a seed', async () => {
    const data = samples(20);
    const source = fromArrays({ xs: data.map(({ x }) => x), ys: data.map(({ y }) => [y]) });
    const run = async (seed: number) => {
      const own = line();
      const events = await all(
        train(own, (epoch) => source.pipe(shuffle({ seed: seed + epoch }), batch(3)), { ...options, epochs: 2 }),
      );
      const read = own.read();
      own.dispose();
      return JSON.stringify([events, read]);
    };

    expect(await run(0)).toBe(await run(0));
    expect(await run(7)).toBe(await run(7));
    expect(await run(0)).not.toBe(await run(7));
  });

  it('nothing calls Math.random', async () => {
    const original = Math.random;
    Math.random = () => {
      throw new Error('Math.random was called');
    };
    try {
      const data = samples(6);
      const source = fromArrays({ xs: data.map(({ x }) => x), ys: data.map(({ y }) => [y]) }).pipe(
        shuffle({ seed: 1 }),
        batch(2),
      );
      expect(
        await all(
          train(model, source, { ...options, skipNonFinite: true, clipNorm: 1 }).pipe(
            ema('loss'),
            validateEvery(1, source),
          ),
        ),
      ).toHaveLength(5);
    } finally {
      Math.random = original;
    }
  });
});

function disposeAll(value: unknown): void {
  const held: tf.Tensor[] = [];
  JSON.stringify(value, (_key, each: unknown) => {
    if (each instanceof tf.Variable) return undefined;
    if (each instanceof tf.Tensor) return void held.push(each);
    return each;
  });
  tf.dispose(held);
}
