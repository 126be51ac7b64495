import * as tf from '@tensorflow/tfjs';
import { readdirSync, readFileSync } from 'node:fs';
import { lastValueFrom, Subject, tap, toArray } from 'rxjs';
import { beforeEach, describe, expect, it, vi } from 'vitest';

import { sgd } from '../../../src/optim/sgd.js';
import { adam } from '../../../src/optim/adam.js';
import { readback } from '../../../operators/readback.js';
import { trainStep } from '../../../operators/trainStep.js';
import { checkpointEvery } from '../../../src/checkpoint/checkpointEvery.js';
import { latest } from '../../../src/checkpoint/latest.js';
import { memoryStore } from '../../../src/checkpoint/memoryStore.js';
import type { Batch } from '../../../src/core/batch.js';
import type { TrainingEvent } from '../../../src/core/events.js';
import { fromPull } from '../../../src/core/fromPull.js';
import type { Checkpoint } from '../../../src/core/snapshot.js';
import type { MetricFunction } from '../../../src/core/metric.js';
import { improve } from '../../../src/engine/compile/improve.js';
import type { Program } from '../../../src/engine/compile/program.js';
import { mse } from '../../../src/losses/mse.js';
import { absent, INSTALLED } from '../node/installed.js';
import { stacks } from './stacks.js';
import {
  dense,
  expectNear,
  expectSame,
  free,
  layers,
  linear,
  onNode,
  outcomeOf,
  randomArray,
  randomBatches,
  variable,
  type OwnModel,
  type Scenario,
} from './support.js';

/** In how many lanes batches are computed if they can be shared out evenly, what became of each, and in how many each session was opened. */
const lanes = vi.hoisted(() => ({ count: 2, made: [] as (Program | undefined)[], opened: [] as number[] }));
vi.mock('../../../src/engine/compile/laneCount.js', () => ({ laneCount: () => lanes.count }));
vi.mock('../../../src/engine/compile/session.js', async (original) => {
  const session = await original<typeof import('../../../src/engine/compile/session.js')>();
  const openSession: typeof session.openSession = (backend, graph, count) => {
    lanes.opened.push(count);
    return session.openSession(backend, graph, count);
  };
  return { ...session, openSession };
});
vi.mock('../../../src/engine/compile/lanes.js', async (original) => {
  const { inLanes } = await original<typeof import('../../../src/engine/compile/lanes.js')>();
  return {
    inLanes: (...given: Parameters<typeof inLanes>) => {
      lanes.made.push(inLanes(...given));
      return lanes.made.at(-1);
    },
  };
});

const SIZES = [6, 6, 6, 6, 4, 3];
const options = () => ({ accumulate: 2, optimizer: adam({ learningRate: 0.01 }) });
/** A pass over the inputs whose samples meet, or do not, in `mix`. */
const mixing = (mix: (y: tf.Tensor2D) => tf.Tensor): Scenario<OwnModel> => ({
  model: () => linear((y) => mix(y as tf.Tensor2D)),
  batches: () => randomBatches(SIZES),
  options: () => ({ ...options(), optimizer: sgd({ learningRate: 0.02 }) }),
});
const made = (): boolean[] => lanes.made.map((program) => program !== undefined);

describe.skipIf(absent)(`a pass in lanes ${INSTALLED}`, () => {
  onNode();
  beforeEach(() => {
    lanes.count = 2;
    lanes.made = [];
    lanes.opened = [];
  });

  describe('gives what eager steps give', () => {
    /** Batch norm's samples meet; layer norm's gradient by tf.layers has an op for each sample, and no lane has as many. */
    const without = ['batch norm behind dense layers', 'batch norm behind a convolution', 'layer norm'];
    it.each(Object.entries(stacks))('%s', async (name, { inputs, layers: stack, asTokens = false }) => {
      const shaped = layers(inputs, ...stack());
      const labels = (shaped.outputs[0]!.shape as number[]).slice(1);
      free(shaped);
      const batches = randomBatches(SIZES, { inputs, labels }).map(({ xs, ys }) => {
        const { data, shape } = xs as { data: Float32Array; shape: number[] };
        return { xs: asTokens ? { data: Int32Array.from(data, (x) => Math.floor((x + 1) * 3.5)), shape } : xs, ys };
      });
      await expectSame({ model: () => layers(inputs, ...stack()), batches: () => batches, options });

      // Batches of 6, of 4 and of 3: these cannot be shared out.
      expect(made()).toStrictEqual(without.includes(name) ? [false] : [true, true]);
      expect(lanes.opened).toStrictEqual(Array(3).fill(without.includes(name) ? 1 : 2)); // none a second time, without lanes
    });

    it.each([3, 4, 6])('with %d lanes', async (count) => {
      lanes.count = count;
      await expectSame({ batches: () => randomBatches(Array<number>(5).fill(12)), options });

      expect(made()).toStrictEqual([true]);
      expect(lanes.opened).toStrictEqual([count]);
    });

    it('with metrics that are means of samples', async () => {
      const metrics = {
        mae: (ys: tf.Tensor, y: tf.Tensor) => tf.mean(tf.abs(tf.sub(ys, y)), -1),
        share: (ys: tf.Tensor, y: tf.Tensor) => tf.mean(tf.cast(tf.greater(ys, y), 'float32')),
        one: () => tf.scalar(1),
      };
      await expectSame({ batches: () => randomBatches(SIZES), options: () => ({ ...options(), metrics }) });

      expect(made()).toStrictEqual([true, true]);
    });

    it('with clipping, a loss that is a scalar, and one that is also of the weights', async () => {
      const loss = Object.assign((ys: tf.Tensor, y: tf.Tensor) => tf.mean(tf.abs(tf.sub(ys, y))), {});
      await expectSame({ batches: () => randomBatches(SIZES), options: () => ({ ...options(), loss, clipNorm: 0.1 }) });
      let w: tf.Variable;
      const decayed = (ys: tf.Tensor, y: tf.Tensor) => tf.add(mse(ys, y), tf.mul(0.1, tf.sum(tf.square(w))));
      await expectSame({
        model: () => {
          const model = linear();
          [w] = model.variables as [tf.Variable];
          return model;
        },
        batches: () => randomBatches(SIZES),
        options: () => ({ ...options(), loss: decayed }),
      });

      expect(made()).toStrictEqual([true, true, true, true]);
    });
  });

  it('draws the numbers that a pass without lanes draws, and for weights the same in each lane', async () => {
    const noisy: Scenario<OwnModel> = {
      model: () => {
        const [w, b] = [variable([3, 2], 1), variable([2], 2)];
        return {
          variables: [w, b],
          apply: (xs) => {
            const dropped = tf.dropout(w, 0.5);
            const y = tf.add(tf.matMul(tf.dropout(xs as tf.Tensor2D, 0.5), dropped as tf.Tensor2D), b);
            return tf.transpose(tf.mul(tf.transpose(y), tf.randomUniform([2, xs.shape[0]!], 0, 2)));
          },
        };
      },
      batches: () => randomBatches([6, 6, 6, 6]),
      options,
    };
    const inLanes = await outcomeOf(true, noisy);
    expect(lanes.opened).toStrictEqual([2]);
    lanes.count = 1;
    expectNear(inLanes, await outcomeOf(true, noisy));
  });

  it('has one product for the gradient of a weight of few rows, and one for each lane where a series makes many', async () => {
    const gradientsIn = async (...[model, batches]: Parameters<typeof trained>) => {
      await trained(model, batches);
      const { nodes } = improve(lanes.made.at(-1)!);
      return nodes.filter(({ op, attr }) => op === 'MatMul' && 'b' in attr['transpose_a']! && attr['transpose_a'].b)
        .length;
    };
    const trained = (model: () => tf.LayersModel, batches: Batch[]) =>
      outcomeOf(true, { model, batches: () => batches, options });

    expect(await gradientsIn(dense, randomBatches([6, 6]))).toBe(2); // of two layers
    const series = () => layers([3, 3], tf.layers.lstm({ units: 2 }));
    expect(await gradientsIn(series, randomBatches([6, 6], { inputs: [3, 3] }))).toBe(4); // of two kernels, in two lanes
  });

  it('is the same each time, bit for bit', async () => {
    const run = async () => {
      const batches = () => randomBatches(Array<number>(8).fill(64));
      const { events, weights } = await outcomeOf(true, { batches, options });
      return [weights, events.map((event) => event.type === 'step' && event.microBatches.map(({ loss }) => loss))];
    };

    expect(await run()).toStrictEqual(await run());
  });

  it('goes on bit for bit from every micro-step, whatever the size of the batch that comes first then', async () => {
    const sizes = [6, 8, 3, 1, 4, 6];
    const run = async (stopAt: number, from?: Checkpoint) => {
      const [model, store, until] = [dense(), memoryStore(), new Subject<void>()];
      let given = 0;
      const events$ = fromPull(() => randomBatches(sizes), { prefetch: 0, until, ...(from && { from }) }).pipe(
        tap(() => ++given === stopAt && until.next()),
        trainStep(model, { loss: mse, optimizer: adam(), accumulate: 2, compile: true }),
        readback(),
        checkpointEvery<TrainingEvent>(9, store),
        toArray(),
      );
      const losses = (await lastValueFrom(events$)).flatMap((event) =>
        event.type === 'step' ? event.microBatches.map(({ loss }) => loss) : [],
      );
      const weights = model.getWeights().map((weight) => [...weight.dataSync()]);
      model.dispose();
      return { losses, weights, rest: await latest(store) };
    };
    const whole = await run(Infinity);
    for (let stopAt = 1; stopAt < sizes.length; stopAt++) {
      lanes.made = [];
      const first = await run(stopAt);
      const second = await run(Infinity, first.rest);
      expect(second.weights).toStrictEqual(whole.weights);
      expect(second.losses).toStrictEqual(whole.losses.slice(whole.losses.length - second.losses.length));
      expect(made()).not.toContain(false);
    }
  });

  it('has a thread for each lane while it is there', async () => {
    const during = async () => {
      const seen: number[] = [];
      const before = threads();
      const batches = () => randomBatches([6, 6]);
      await outcomeOf(true, { batches, options, during: () => seen.push(threads() - before) });
      return seen; // at the step, and at the end
    };
    expect(await during()).toStrictEqual([2, 0]);
    lanes.count = 1;
    expect(await during()).toStrictEqual([0, 0]);
  });

  describe('is not made where samples meet', () => {
    const rows = (y: tf.Tensor2D) => tf.range(0, y.shape[0]);
    const mixes: Record<string, (y: tf.Tensor2D) => tf.Tensor> = {
      'less their mean': (y) => tf.sub(y, tf.mean(y, 0)),
      'over their largest': (y) => tf.div(y, tf.add(tf.max(tf.abs(y)), 1)),
      'a softmax over them': (y) => tf.mul(y, tf.transpose(tf.softmax(tf.transpose(y)))),
      'sums so far': (y) => tf.transpose(tf.cumsum(tf.transpose(y), 1)),
      'in turned order': (y) => tf.reverse(y, 0),
      'gathered in turned order': (y) => tf.gather(y, tf.cast(tf.reverse(rows(y)), 'int32')),
      'with each other': (y) => tf.matMul(tf.matMul(y, y, false, true), y),
      'rows and columns taken for each other': (y) => tf.reshape(tf.transpose(y), y.shape),
      'each with the one before': (y) => tf.add(y, tf.concat([tf.slice(y, 1), tf.slice(y, 0, 1)])),
      'by their place in the batch': (y) => tf.mul(y, tf.reshape(rows(y), [-1, 1])),
      'by the sum of all': (y) => tf.mul(y, tf.sum(tf.square(y))),
    };
    it.each(Object.entries(mixes))('%s', async (_what, mix) => {
      await expectSame(mixing(mix));

      expect(made()).toStrictEqual([false]);
    });

    it('a mean over what a mask leaves of all, even if it leaves all of the first batch', async () => {
      const masked = (ys: tf.Tensor, y: tf.Tensor): tf.Tensor => {
        const mask = tf.cast(tf.greater(ys, -2), 'float32');
        return tf.div(tf.sum(tf.mul(mask, tf.square(tf.sub(ys, y)))), tf.sum(mask));
      };
      await expectSame({
        batches: () =>
          randomBatches([4, 4, 4, 4]).map((batch, i) => (i < 2 ? batch : { ...batch, ys: mostlyMasked(i) })),
        options: () => ({ ...options(), loss: masked }),
      });

      expect(made()).toStrictEqual([false]);
    });

    const notMeans: Record<string, MetricFunction> = {
      'a root of a mean': (ys: tf.Tensor, y: tf.Tensor) => tf.sqrt(tf.mean(tf.square(tf.sub(ys, y)))),
      'a sum': (_: tf.Tensor, y: tf.Tensor) => tf.sum(y),
      'a count that is 0 in the first batch': (_: tf.Tensor, y: tf.Tensor) => tf.sum(tf.cast(tf.greater(y, 1), 'float32')), // prettier-ignore
      'a sum over the number of samples': (_: tf.Tensor, y: tf.Tensor) => tf.div(tf.sum(y), y.shape[0]!),
      'a sum and what is the same for all': (_: tf.Tensor, y: tf.Tensor) => tf.add(tf.sum(y), 1),
      'a mean in whole numbers': (_: tf.Tensor, y: tf.Tensor) => tf.cast(tf.cast(tf.mean(y), 'int32'), 'float32'),
      'a sum and a mean': (_: tf.Tensor, y: tf.Tensor) => tf.add(tf.sum(y), tf.mean(y)),
      'by a root of the number of samples': (_: tf.Tensor, y: tf.Tensor) => tf.mean(tf.mul(y, Math.sqrt(y.shape[0]!))),
    };
    it.each(Object.entries(notMeans))('a metric that is no mean: %s', async (_what, metric) => {
      await expectSame({ batches: () => randomBatches(SIZES), options: () => ({ ...options(), metrics: { metric } }) });

      expect(made()).toStrictEqual([false]);
    });

    it('a pass that sets a variable, if only to count', async () => {
      const counting = (y: tf.Tensor, [count]: tf.Variable[], training: boolean): tf.Tensor => {
        if (training) count!.assign(tf.add(count!, 1));
        return y;
      };
      await expectSame({
        model: () => linear(counting, [variable([], 9, false)]),
        batches: () => randomBatches(SIZES),
        options,
      });

      expect(made()).toStrictEqual([false]);
    });

    it('a loss that is a sum over samples', async () => {
      const loss = (ys: tf.Tensor, y: tf.Tensor) => tf.sum(tf.square(tf.sub(ys, y)));
      await expectSame({ batches: () => randomBatches(SIZES), options: () => ({ ...options(), loss }) });

      expect(made()).toStrictEqual([false]);
    });
  });

  it('a gradient of its own that goes with the number of samples shows in the check, and the pass is taken without lanes', async () => {
    const scaled = tf.customGrad((y, save) => {
      (save as (kept: tf.Tensor[]) => void)([y as tf.Tensor]);
      return { value: tf.mul(y as tf.Tensor, 1), gradFunc: (dy: tf.Tensor) => tf.mul(dy, dy.shape[0]!) };
    });
    await expectSame(mixing((y) => scaled(y)));

    expect(made()).toStrictEqual([true]);
    expect(lanes.opened).toStrictEqual([2, 1, 1, 1]);
  });

  it('a model that takes only as many samples as there are is not cut', async () => {
    await expectSame({
      model: () => linear((y) => tf.reshape(y, [6, 2])),
      batches: () => randomBatches([6, 6, 6, 6]),
      options,
    });

    expect(made()).toStrictEqual([]);
  });
});

/** How many threads of this process run the ops of sessions. */
function threads(): number {
  const names = readdirSync('/proc/self/task').map((id) => readFileSync(`/proc/self/task/${id}/comm`, 'utf8'));
  return names.filter((name) => name.startsWith('tf_Compute')).length;
}

/** Labels of four samples, three of which a mask takes out in the second half. */
function mostlyMasked(seed: number): { data: Float32Array; shape: readonly number[] } {
  const { data, shape } = randomArray([4, 2], seed);
  data.fill(-3, 5);
  return { data, shape };
}
