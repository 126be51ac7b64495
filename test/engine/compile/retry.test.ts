import * as tf from '@tensorflow/tfjs';
import { afterEach, describe, expect, it } from 'vitest';

import type { Batch } from '../../../src/core/batch.js';
import type { Backend, Binding } from '../../../src/engine/compile/backend.js';
import { sgd } from '../../../src/optim/sgd.js';
import type { TrainOptions } from '../../../src/trainer/train.js';
import { OOM, scarce } from '../../support/scarce.js';
import { absent, INSTALLED } from '../node/installed.js';
import {
  expectNear,
  expectSame,
  layers,
  linear,
  onNode,
  outcomeOf,
  randomArray,
  randomBatches,
  variable,
  warningsOf,
  type Outcome,
  type OwnModel,
  type Scenario,
} from './support.js';

const retrying = (more: Partial<TrainOptions> = {}) => ({
  options: () => ({ accumulate: 2, clipNorm: 1, retryWithSmallerBatches: true, ...more }),
});
const isStep = ({ type }: { readonly type: string }) => type !== 'change';

describe.skipIf(absent)(`retryWithSmallerBatches in compiled steps ${INSTALLED}`, () => {
  onNode();

  it.each<[string, number[], Batch['weight'][]]>([
    ['the first batch', [4, 4, 5, 4, 3], []],
    ['a later one, of a new shape', [2, 2, 5, 4, 1], []],
    ['batches that weigh their samples', [4, 3, 4], [[0, 0, 1, 2], [1, 2, 0], undefined]],
    ['batches of other weights', [4, 4, 2, 5], [0, 3, 1.5, undefined]],
  ])('gives what eager steps and what runs with enough memory give, for %s', async (_, sizes, weights) => {
    const scenario: Scenario<OwnModel> = {
      ...retrying(),
      batches: () => randomBatches(sizes, { weights }),
      model: () => scarce(linear(tf.tanh), () => 2),
    };
    const { events, ...rest } = await expectSame(scenario);
    const ample = await outcomeOf(true, { ...scenario, model: () => linear(tf.tanh) });

    const steps = events.filter(isStep);
    expectNear({ ...rest, seen: ample.seen, events: steps }, ample);
    expect(events.length).toBeGreaterThan(steps.length);
  });

  it('draws other numbers in each part', async () => {
    const dropping = () =>
      scarce(
        linear((y, _, training) => tf.dropout(y, training ? 0.5 : 0)),
        () => 2,
      );
    const seen: number[] = [];
    const zeros = (_: tf.Tensor, predictions: tf.Tensor) => tf.sum(tf.cast(tf.equal(predictions, 0), 'float32'));
    const options = retrying({ metrics: { zeros: { compute: zeros, reduce: (values) => (seen.push(...values), 0) } } });
    await outcomeOf(true, { ...options, batches: () => randomBatches([2, 2]), model: dropping });
    expect(seen.some((count) => count > 0 && count < 4)).toBe(true);

    // Both halves are the same samples: the same mask would give a multiple of two zeros in each of many batches.
    const half = randomArray([2, 3], 5);
    const doubled = (): Batch[] =>
      Array.from({ length: 12 }, () => ({
        xs: { data: Float32Array.of(...half.data, ...half.data), shape: [4, 3] },
        ys: randomArray([4, 2], 6),
      }));
    const counts: number[] = [];
    const sum = (values: readonly number[]) => values.reduce((a, b) => a + b, 0);
    const { events } = await outcomeOf(true, {
      options: () => ({ retryWithSmallerBatches: true, metrics: { zeros } }),
      batches: doubled,
      model: dropping,
    });
    counts.push(...events.flatMap((event) => (event.type === 'step' ? event.metrics['zeros']! : [])));
    expect(sum(counts)).toBeGreaterThan(0);
    expect(counts.some((count) => !Number.isInteger(count))).toBe(true); // the mean of two different counts
  });

  it('goes on as one graph, and says nothing of going on op by op', async () => {
    const said = await warningsOf(() =>
      outcomeOf('auto', {
        ...retrying(),
        batches: () => randomBatches([4, 2, 6, 3]),
        model: () => scarce(linear(), () => 2),
      }),
    );
    expect(said).toStrictEqual([]);
  });

  it('gives up at one sample, with nothing left behind', async () => {
    const { error } = await outcomeOf(true, { ...retrying(), model: () => scarce(linear(), () => 0) });
    expect(error).toMatch(/OutOfMemoryError: retryWithSmallerBatches: one sample must fit/);
  });

  it('moves a batch norm’s averages once for each part, as eager steps do', async () => {
    const network = () =>
      layers([3], tf.layers.dense({ units: 4 }), tf.layers.batchNormalization(), tf.layers.dense({ units: 2 }));
    const model = (): OwnModel => {
      const own = network();
      const [trained, others] = [own.trainableWeights, own.nonTrainableWeights].map((weights) =>
        weights.map((weight) => weight.read() as tf.Variable),
      ) as [tf.Variable[], tf.Variable[]];
      const apply = (xs: tf.Tensor, { training }: { training: boolean }): unknown => own.apply(xs, { training });
      return scarce({ variables: [...trained, ...others], apply }, () => 2, { late: true });
    };
    await expectSame({
      ...retrying({ optimizer: sgd({ learningRate: 0.1 }) }),
      batches: () => randomBatches([4, 4, 4]),
      model,
    });
  });

  describe('when memory runs out in mid-graph', () => {
    let restore = (): void => undefined;
    afterEach(() => restore());

    it('splits batches of a new shape that fail when their graph is tried, and does not go on op by op', async () => {
      const backend = tf.backend() as unknown as Backend;
      const { binding } = backend;
      let failures = 0;
      const runSavedModel: Binding['runSavedModel'] = (...call) => {
        if (!call[3].startsWith('pass2/open:0') || failures > 0) return binding.runSavedModel(...call);
        failures += 1;
        throw new Error(OOM);
      };
      Object.assign(backend, {
        binding: Object.create(binding, { runSavedModel: { value: runSavedModel } }) as Binding,
      });
      restore = () => Object.assign(backend, { binding });
      const scenario = { ...retrying(), batches: () => randomBatches([4, 6, 6, 3]) };
      let outcome: Outcome | undefined;
      const said = await warningsOf(async () => void (outcome = await outcomeOf('auto', scenario)));
      restore();
      const { events, ...rest } = outcome!;
      const ample = await outcomeOf(true, scenario);

      expect(failures).toBe(1);
      expect(said).toStrictEqual([]);
      expect(events.filter((event) => !isStep(event))).toMatchObject([{ globalStep: 1, from: 6, to: 3 }]);
      expectNear({ ...rest, seen: ample.seen, events: events.filter(isStep) }, ample);
    });

    /** Has the graph's pass fail once: the gather in its gradient gets an index that there is not; TensorFlow's error is then called another. */
    function failOnce(pass: string): { readonly bad: tf.Tensor; failures: number } {
      const backend = tf.backend() as unknown as Backend;
      const { binding } = backend;
      const seen = { bad: tf.tensor1d([99, 99, 99, 99], 'int32'), failures: 0 };
      const [bad] = backend.getInputTensorIds([seen.bad]) as [number];
      const runSavedModel: Binding['runSavedModel'] = (id, inputs, inputRefs, outputRefs) => {
        const at = inputRefs.split(',').indexOf('pass1/feed1:0');
        if (!outputRefs.startsWith(`${pass}:0`) || seen.failures > 0)
          return binding.runSavedModel(id, inputs, inputRefs, outputRefs);
        seen.failures += 1;
        try {
          return binding.runSavedModel(id, inputs.with(at, bad), inputRefs, outputRefs);
        } catch (cause) {
          throw new Error(OOM, { cause });
        }
      };
      Object.assign(backend, {
        binding: Object.create(binding, { runSavedModel: { value: runSavedModel } }) as Binding,
      });
      restore = () => {
        Object.assign(backend, { binding });
        seen.bad.dispose();
      };
      return seen;
    }

    /** Two layers, between them what only its gradient can fail in, and late: the second layer's gradients are there by then. Counts its passes. */
    function fragile(): OwnModel {
      const [w1, w2, passes] = [variable([3, 8], 1), variable([8, 2], 2), variable([], 3, false)];
      tf.tidy(() => passes.assign(tf.scalar(0)));
      const weak = tf.customGrad((h, rows, save) => {
        (save as tf.GradSaveFunc)([rows as tf.Tensor]);
        return {
          value: tf.clone(h as tf.Tensor),
          gradFunc: (dy: tf.Tensor, [own]: tf.Tensor[]) => {
            let slow = tf.matMul(dy as tf.Tensor2D, dy as tf.Tensor2D, true, false);
            for (let i = 0; i < 100; i++) slow = tf.sin(tf.matMul(slow, slow));
            const late = tf.gather(tf.sum(slow, 0), own as tf.Tensor1D);
            return [tf.add(dy, tf.mul(tf.sum(late), 0)), tf.zeros([4])];
          },
        };
      });
      return {
        variables: [w1, w2, passes],
        apply: ({ x, rows }: { x: tf.Tensor2D; rows: tf.Tensor1D }, { training }) => {
          if (training) passes.assign(tf.add(passes, 1));
          const h = tf.matMul(x, w1 as tf.Tensor2D);
          return tf.matMul(weak(h, rows) as tf.Tensor2D, w2 as tf.Tensor2D);
        },
      };
    }

    it.each(['pass1/open', 'pass1/add'])('has changed nothing by then: %s is made again in parts', async (pass) => {
      const batches = (): Batch[] =>
        Array.from({ length: 4 }, (_, i) => ({
          xs: { x: randomArray([4, 3], i), rows: { data: Int32Array.of(0, 1, 0, 1), shape: [4] } },
          ys: randomArray([4, 2], 10 + i),
        }));
      const scenario = { ...retrying({ clipNorm: 1e6, skipNonFinite: true }), batches, model: fragile };
      const ample = await outcomeOf(false, scenario);
      const seen = failOnce(pass);
      const { events, weights, ...rest } = await outcomeOf(true, scenario);

      expect(seen.failures).toBe(1);
      expect(ample.weights[2]).toStrictEqual([4]);
      expect(weights[2]![0]).toBe({ 'pass1/open': 8, 'pass1/add': 7 }[pass]); // each part counts
      const trained = { ...rest, seen: ample.seen, events: events.filter(isStep), weights: weights.slice(0, 2) };
      expectNear(trained, { ...ample, weights: ample.weights.slice(0, 2) });
    });
  });
});
