import * as tf from '@tensorflow/tfjs';
import fc from 'fast-check';
import { BehaviorSubject, lastValueFrom, take, toArray } from 'rxjs';
import { describe, expect, it } from 'vitest';

import { validateEvery } from '../../../operators/validateEvery.js';
import type { Batch } from '../../../src/core/batch.js';
import { max, metric, sum } from '../../../src/core/metric.js';
import type { Optimizer } from '../../../src/core/optimizer.js';
import { waitMap } from '../../../src/core/run.js';
import { mse } from '../../../src/losses/mse.js';
import { sparseSoftmaxCrossEntropy } from '../../../src/losses/sparseSoftmaxCrossEntropy.js';
import { adagrad, adam, adamw, fromTf, lion, rmsprop, sgd } from '../../../src/optim/index.js';
import { evaluate } from '../../../src/trainer/evaluate.js';
import { train } from '../../../src/trainer/train.js';
import { absent, INSTALLED } from '../node/installed.js';
import {
  alive,
  dense,
  expectNear,
  expectNoneLeft,
  expectSame,
  filled,
  free,
  layers,
  linear,
  onNode,
  outcomeOf,
  EVEN,
  RAGGED,
  randomArray,
  randomBatches,
  variable,
  variablesOf,
  warningsOf,
  type OwnModel,
  type Scenario,
} from './support.js';

const ragged = () => randomBatches(RAGGED);
/** Five batches, of which one holds a number that is none. */
const spoilt = (at: number, weights: Batch['weight'][] = [], value = NaN) => {
  const batches = randomBatches(EVEN, { weights });
  (batches[at]!.xs as { data: Float32Array }).data[0] = value;
  return batches;
};
/** Five batches, of which the fourth is another. */
const odd = (change: Partial<Batch>) =>
  randomBatches(EVEN).map((batch, i) => (i === 3 ? { ...batch, ...change } : batch));
const mae = (labels: tf.Tensor, predictions: tf.Tensor) => tf.mean(tf.abs(tf.sub(labels, predictions)), -1);
const normed = () =>
  layers(
    [3],
    tf.layers.dense({ units: 4, useBias: false }),
    tf.layers.batchNormalization(),
    tf.layers.dense({ units: 2 }),
  );
const first = (model: tf.LayersModel) => variablesOf(model)[0]!;

const numbers: Record<string, Scenario> = {
  'one batch a step': {},
  'windows of two, the last of one short batch': { batches: ragged, options: () => ({ accumulate: 2 }) },
  'windows over three epochs, each with a short batch': {
    batches: ragged,
    options: () => ({ accumulate: 3, epochs: 3 }),
  },
  'a gradient that is clipped': { options: () => ({ accumulate: 2, clipNorm: 0.01 }) },
  'a gradient within the limit': { options: () => ({ accumulate: 2, clipNorm: 1000 }) },
  'metrics, by their reducers': {
    options: () => ({
      accumulate: 2,
      metrics: { mae, total: metric(mae, sum), worst: metric((l: tf.Tensor, p: tf.Tensor) => tf.max(mae(l, p)), max) },
    }),
  },
  'weights of samples': {
    batches: () =>
      randomBatches(RAGGED, { weights: RAGGED.map((size, i) => Array.from({ length: size }, (_, j) => 0.5 + i + j)) }),
    options: () => ({ accumulate: 2, epochs: 2 }),
  },
  'weights of batches': {
    batches: () => randomBatches(EVEN, { weights: [1, 3, 0.5, 7, 2] }),
    options: () => ({ accumulate: 2, epochs: 2 }),
  },
  'weights on some batches only': {
    batches: () => randomBatches(EVEN, { weights: [undefined, 3, [1, 2, 0, 4]] }),
    options: () => ({ accumulate: 3, epochs: 2 }),
  },
  'a batch of weight 0 in a window, as the first and as the last': {
    batches: () => randomBatches(EVEN, { weights: [0, 3, 0.5, 0, 2] }),
    options: () => ({ accumulate: 2, epochs: 2 }),
  },
  'windows of weight 0': {
    batches: () => randomBatches(RAGGED, { weights: [0, [0, 0, 0, 0], 0.5, 1, 0] }),
    options: () => ({ accumulate: 2, epochs: 2 }),
  },
  'a scalar loss': { options: () => ({ loss: (l: tf.Tensor, p: tf.Tensor) => tf.mean(mse(l, p)), accumulate: 2 }) },
  'batches of tensors': {
    batches: () =>
      function* () {
        for (const { xs, ys } of randomBatches(EVEN) as { xs: Shaped; ys: Shaped }[])
          yield { xs: tf.tensor(xs.data, [...xs.shape]), ys: tf.tensor(ys.data, [...ys.shape]) };
      },
    options: () => ({ accumulate: 2, epochs: 2 }),
  },
  'more shapes of batches than are compiled': {
    batches: () => randomBatches([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 2, 10]),
    options: () => ({ accumulate: 3 }),
  },
  'several inputs and outputs, by name': {
    model: () => {
      const { apply, ...model } = linear();
      return {
        ...model,
        apply: ({ a, b }: Record<string, tf.Tensor>, options: { training: boolean }) => ({
          p: apply(a, options),
          q: apply(b, options),
        }),
      };
    },
    batches: () =>
      randomBatches(EVEN).map(({ xs, ys }, i) => ({
        xs: { a: xs as Shaped, b: randomArray((xs as Shaped).shape, 50 + i) },
        ys: { p: ys as Shaped, q: randomArray((ys as Shaped).shape, 60 + i) },
      })),
    options: () => ({
      accumulate: 2,
      loss: (labels: tf.NamedTensorMap, { p, q }: tf.NamedTensorMap) =>
        tf.add(mse(labels['p']!, p!), mse(labels['q']!, q!)),
    }),
  },
  'a model of one variable': {
    model: () => {
      const w = variable([3, 2], 1);
      return { variables: [w], apply: (xs: tf.Tensor2D) => tf.matMul(xs, w as tf.Tensor2D) };
    },
    options: () => ({ accumulate: 2 }),
  },
  'a model that is frozen in part': {
    model: () => {
      const model = dense();
      model.layers[1]!.trainable = false;
      return model;
    },
  },
  'a pass that sets variables of its own': {
    model: () =>
      linear(
        (y, [count], training) => {
          if (training) count!.assign(tf.add(count!, tf.mean(y)));
          return tf.add(y, count!);
        },
        [variable([], 7, false)],
      ),
    options: () => ({ accumulate: 2, epochs: 2 }),
  },
  'a pass that takes another path for another shape': {
    batches: ragged,
    model: () => linear((y) => (y.shape[0] === 2 ? tf.relu(y) : tf.tanh(y))),
    options: () => ({ epochs: 2 }),
  },
};

interface Shaped {
  readonly data: Float32Array;
  readonly shape: readonly number[];
}

const notFinite: Record<string, Scenario> = {
  'a step with NaN is skipped, with the optimizer’s state': {
    batches: () => spoilt(2),
    options: () => ({ skipNonFinite: true, accumulate: 2, epochs: 2, clipNorm: 1, optimizer: adamw() }),
  },
  'a step with Infinity is skipped': {
    batches: () => spoilt(1, [], Infinity),
    options: () => ({ skipNonFinite: true, optimizer: sgd({ momentum: 0.9 }) }),
  },
  'batch statistics of a skipped step are kept all the same': {
    model: normed,
    batches: () => spoilt(2),
    options: () => ({ skipNonFinite: true }),
  },
  'NaN of weight 0 spoils nothing': { batches: () => spoilt(1, [1, 0]), options: () => ({ accumulate: 2 }) },
  'NaN of weight 0, first of its window': { batches: () => spoilt(0, [0, 1]), options: () => ({ accumulate: 2 }) },
  'NaN of weight 0, where steps may be skipped': {
    batches: () => spoilt(1, [1, 0]),
    options: () => ({ accumulate: 2, skipNonFinite: true }),
  },
  'NaN as the loss is an error': {
    batches: () => spoilt(2),
    fails: /^NonFiniteError: .* the loss .* at global step 3/,
  },
};

const live: Record<string, Scenario> = {
  'schedules of all three': {
    options: () => ({
      accumulate: (step) => 1 + (step % 3),
      clipNorm: (step) => 0.01 * step,
      optimizer: sgd({ learningRate: (step) => 0.1 / step }),
      epochs: 3,
    }),
  },
  'a schedule of an optimizer with decay': {
    options: () => ({ optimizer: adamw({ learningRate: (step) => 0.01 / step, weightDecay: 0.5 }), epochs: 3 }),
  },
  'Observables of all three, moved in mid-run': (() => {
    const values = () => [2, 0.1, 1].map((value) => new BehaviorSubject(value));
    let [size, rate, limit] = values();
    return {
      options: () => {
        [size, rate, limit] = values();
        return { accumulate: size!, clipNorm: limit!, optimizer: sgd({ learningRate: rate! }), epochs: 4 };
      },
      during: ({ globalStep }) => {
        if (globalStep === 2) [size, rate, limit].forEach((each, i) => each!.next([3, 0.05, 0.01][i]!));
        if (globalStep === 5) size!.next(1);
        return [size, rate, limit].map((each) => each!.observed);
      },
    };
  })(),
};

const failing: Record<string, Scenario> = {
  'inputs that do not fit': {
    batches: () => odd({ xs: randomArray([4, 5], 1) }),
    fails: /^BatchError: forward: micro-batch 4 must fit the model, received inputs of shape \[4, 5\]/,
  },
  'labels that do not fit': {
    batches: () => odd({ ys: randomArray([4, 3], 1) }),
    fails: /^BatchError: forward: micro-batch 4 has labels that the loss cannot take/,
  },
  'labels of a class that is none': {
    batches: () =>
      [0, 1, 7].map((label, i) => ({ xs: randomArray([2, 3], i), ys: { data: Int32Array.of(0, label), shape: [2] } })),
    options: () => ({ loss: sparseSoftmaxCrossEntropy }),
    fails: /^BatchError: forward: micro-batch 3 has labels that the loss cannot take/,
  },
  'more labels than samples': {
    batches: () => odd({ ys: randomArray([5, 2], 1) }),
    fails: /^BatchError: .*one label for/,
  },
  'labels that are fewer than their shape says': {
    batches: () => odd({ ys: { data: new Float32Array(3), shape: [4, 2] } }),
    fails:
      /^StepError: backward: failed at global step 4, micro-step 4: Based on the provided shape, \[4,2\], the tensor should have 8 values but has 3/,
  },
  'such labels in the first batch': {
    batches: () => [{ xs: randomArray([4, 3], 1), ys: { data: new Float32Array(3), shape: [4, 2] } }],
    fails: /^StepError: backward: failed at global step 1, micro-step 1: Based on the provided shape/,
  },
  'too few weights': {
    batches: () => odd({ weight: [1] }),
    fails: /^BatchError: .* 4 must have one weight for each of 4/,
  },
  'a negative weight': {
    batches: () => odd({ weight: -1 }),
    fails: /^BatchError: .* 4 must have a weight of at least 0/,
  },
  'a source that fails': {
    batches: () =>
      function* () {
        yield* randomBatches([4, 4, 4]);
        throw new Error('disk gone');
      },
    fails: /^SourceError: .* failed after 3 batches: disk gone/,
  },
  'a source without a batch': { batches: () => [], fails: /^SourceError: / },
  'a model that throws at the short batch': {
    batches: ragged,
    model: () =>
      linear((y) => {
        if (y.shape[0] === 2) throw new Error('own fault');
        return y;
      }),
    fails: /^BatchError: .* 5 must fit the model.*own fault/,
  },
  'a loss that throws': {
    options: () => ({
      loss: () => {
        throw new Error('own fault');
      },
    }),
    fails: /^LossError: forward: the loss failed on micro-batch 1: own fault/,
  },
  'a metric that throws': {
    options: () => ({
      metrics: {
        bad: () => {
          throw new Error('own fault');
        },
      },
    }),
    fails: /^MetricError: .*'bad' failed on micro-batch 1: own fault/,
  },
  'a loss that depends on no variable': {
    model: () => ({ ...linear(), apply: (xs: tf.Tensor) => tf.zeros([xs.shape[0]!, 2]) }),
    fails: /^ModelError: backward: the loss must depend on every trainable variable/,
  },
  'a schedule that throws': {
    options: () => ({
      accumulate: 2,
      optimizer: sgd({
        learningRate: (step) => {
          if (step === 2) throw new Error('own fault');
          return 0.1;
        },
      }),
    }),
    fails: /^StepError: optimizerStep: failed at global step 2, micro-step 4: own fault/,
  },
  'a window that can never be': {
    options: () => ({ accumulate: (step) => (step === 2 ? 1.5 : 2) }),
    fails: /^ArgumentError: accumulate: microBatches must be a positive integer, received 1.5/,
  },
  'an Observable without a first value': {
    options: () => ({ clipNorm: new BehaviorSubject(1).pipe(take(0)) }),
    fails: /^ArgumentError: clipByGlobalNorm: .* must emit its first value at once/,
  },
};

const looking: Record<string, Scenario<tf.LayersModel>> = {
  'model.predict': {
    options: () => ({ epochs: 2, accumulate: 2 }),
    during: (_event, model) => tf.tidy(() => [...(model.predict(tf.ones([1, 3])) as tf.Tensor).dataSync()]),
  },
  evaluate: {
    options: () => ({ epochs: 2, accumulate: 2 }),
    stage: (model) =>
      waitMap(async (event) => {
        const { loss } = await lastValueFrom(evaluate(model, randomBatches([3, 1]), { loss: mse }));
        return { ...event, ema: { loss } };
      }),
  },
  validateEvery: {
    options: () => ({ epochs: 2, accumulate: 2, metrics: { mae } }),
    stage: () => validateEvery(2, () => randomBatches([3, 1])),
  },
  'variable.assign': {
    options: () => ({ epochs: 2 }),
    during: ({ globalStep }, model) => {
      if (globalStep % 3 === 1) tf.tidy(() => first(model).assign(tf.mul(first(model), 0.5)));
    },
  },
  'model.setWeights': {
    model: normed,
    options: () => ({ epochs: 2 }),
    during: ({ globalStep }, model) => {
      if (globalStep === 2 || globalStep === 3)
        tf.tidy(() => model.setWeights(model.getWeights().map((weight) => tf.add(weight, 0.25))));
    },
  },
};

/** Five batches of a size, of a model with a matrix and a vector. */
const hundred: Scenario = { model: linear, batches: () => randomBatches([3, 3, 3, 3, 3]) };
const optimizers: Record<string, () => Optimizer> = {
  sgd: () => sgd({ learningRate: 0.1 }),
  'sgd with momentum': () => sgd({ learningRate: 0.05, momentum: 0.9 }),
  'sgd with nesterov': () => sgd({ learningRate: 0.05, momentum: 0.9, nesterov: true }),
  'sgd with decay': () => sgd({ learningRate: 0.05, weightDecay: 0.1 }),
  'sgd with all': () => sgd({ learningRate: 0.05, momentum: 0.9, nesterov: true, weightDecay: 0.1 }),
  adam: () => adam({ learningRate: 0.01 }),
  'adam with other betas': () => adam({ learningRate: 0.01, betas: [0.5, 0.9], epsilon: 1e-4 }),
  'adamw without decay': () => adamw({ learningRate: 0.01, weightDecay: 0 }),
  'adamw, matrices decayed': () => adamw({ learningRate: 0.01, weightDecay: 0.5 }),
  'adamw, all decayed': () => adamw({ learningRate: 0.01, weightDecay: 0.5, decay: () => true }),
  rmsprop: () => rmsprop({ learningRate: 0.01 }),
  'rmsprop with momentum': () => rmsprop({ learningRate: 0.01, momentum: 0.5 }),
  adagrad: () => adagrad({ learningRate: 0.1 }),
  lion: () => lion({ learningRate: 0.001 }),
  'lion with decay': () => lion({ learningRate: 0.001, weightDecay: 0.5 }),
  'one of one’s own': () => ({
    name: 'own',
    learningRate: 0.05,
    init: () => ({ count: tf.scalar(0) }),
    update: (gradients, { count }, weights, rate) =>
      tf.tidy(() => ({
        weights: tf.sub<tf.Tensor1D>(weights, tf.mul(gradients, tf.div(rate, tf.sqrt(tf.add(count!, 1))))),
        state: { count: tf.add(count!, 1) },
      })),
  }),
};

const tanh = (units: number) => tf.layers.dense({ units, activation: 'tanh' });

const fromTensorFlow: Record<string, () => tf.Optimizer> = {
  sgd: () => tf.train.sgd(0.1),
  momentum: () => tf.train.momentum(0.05, 0.9),
  nesterov: () => tf.train.momentum(0.05, 0.9, true),
  adam: () => tf.train.adam(0.01),
  adamax: () => tf.train.adamax(0.01),
  adadelta: () => tf.train.adadelta(0.5),
  adagrad: () => tf.train.adagrad(0.1),
  rmsprop: () => tf.train.rmsprop(0.01),
};

let calls = 0;
/** What no graph can be made of, with the op that is in the way. */
const impossible: Record<string, { readonly what: Scenario; readonly says: RegExp }> = {
  'a loss that reads what it computes': {
    what: {
      options: () => ({
        loss: (labels: tf.Tensor, predictions: tf.Tensor) => {
          const loss = mse(labels, predictions);
          return tf.mul(loss, loss.dataSync()[0]! > 0 ? 2 : 1);
        },
      }),
    },
    says: /the step reads the outcome of Mean back to the host/,
  },
  'a model that reads what it computes': {
    what: { model: () => linear((y) => tf.mul(y, y.dataSync().length)) },
    says: /the step reads the outcome of Add\w* back to the host/,
  },
  'a metric that reads what it computes': {
    what: {
      options: () => ({
        metrics: { read: (l: tf.Tensor, p: tf.Tensor) => tf.scalar(tf.mean(tf.sub(l, p)).dataSync()[0]!) },
      }),
    },
    says: /the step reads the outcome of Mean back to the host/,
  },
  'numbers from Math.random': {
    what: { model: () => linear((y) => tf.add(y, tf.tensor1d([1e-7, 1e-7].map((size) => size * Math.random())))) },
    says: /Add\w* takes a tensor that the step makes anew each time/,
  },
  'a number that is counted up': {
    what: { model: () => linear((y) => tf.add(y, (calls++ % 2) * 1e-7)) },
    says: /Add\w* takes a tensor that the step makes anew each time/,
  },
  'another path each time': {
    what: { model: () => linear((y) => (calls++ % 2 ? tf.mul(y, 1) : tf.div(y, 1))) },
    says: /the step runs (Mul|RealDiv) one time and (Mul|RealDiv) another time/,
  },
};

describe.skipIf(absent)(`trainStep compiled ${INSTALLED}`, () => {
  onNode();

  describe('gives the events and weights of the eager pipe', () => {
    it.each(Object.entries(numbers))('%s', async (_what, scenario) => {
      expect((await expectSame(scenario)).events.length).toBeGreaterThan(2);
    });

    it.each(Object.entries(live))('%s', async (_what, scenario) => {
      const { events, seen } = await expectSame(scenario);

      const said = events.flatMap((event) =>
        event.type === 'step' ? [[event.learningRate, event.microBatches.length]] : [],
      );
      expect(new Set(said.map(String)).size).toBeGreaterThan(1);
      expect([seen.at(-1)].flat()).not.toContain(true);
    });

    it.each(Object.entries(notFinite))('%s', async (_what, scenario) => {
      await expectSame(scenario);
    });

    it('whatever the batches, their weights and the windows are (property)', async () => {
      const part = fc.record({ size: fc.integer({ min: 2, max: 3 }), weight: fc.constantFrom(undefined, 0, 0.5, 3) });
      await fc.assert(
        fc.asyncProperty(
          fc.array(part, { minLength: 1, maxLength: 9 }),
          fc.integer({ min: 1, max: 4 }),
          fc.constantFrom(undefined, 0.05, 10),
          fc.boolean(),
          async (parts, accumulate, clipNorm, skipNonFinite) => {
            const sizes = parts.map(({ size }) => size);
            await expectSame({
              model: () => linear(),
              batches: () => randomBatches(sizes, { weights: parts.map(({ weight }) => weight) }),
              options: () => ({ accumulate, skipNonFinite, ...(clipNorm !== undefined && { clipNorm }) }),
            });
          },
        ),
        { numRuns: 8, seed: 1 },
      );
    });
  });

  describe('gives the weights of the eager pipe after 100 steps', () => {
    it.each(Object.entries(optimizers))('%s', async (_name, optimizer) => {
      const { events } = await expectSame({ ...hundred, options: () => ({ optimizer: optimizer(), epochs: 20 }) });
      expect(events.at(-1)!.globalStep).toBe(100);
    });

    const known = Object.entries(optimizers).filter(([, optimizer]) => optimizer().formula);
    it.each(known)('%s, with small weights changed together', async (_name, optimizer) => {
      const { events } = await expectSame({
        ...hundred,
        model: () => layers([3], ...[4, 3, 3, 2].map(tanh)),
        options: () => ({ optimizer: optimizer(), epochs: 20 }),
      });
      expect(events.at(-1)!.globalStep).toBe(100);
    });

    it.each(Object.entries(fromTensorFlow))('tf.train.%s', async (_name, make) => {
      const made: tf.Optimizer[] = [];
      const optimizer = () => {
        const own = make();
        made.push(own);
        // What its constructor has made is on the device from now on, and is not the run's.
        for (const held of Object.values(own)) if (held instanceof tf.Tensor) tf.tidy(() => void tf.neg(held));
        return fromTf(own);
      };
      const { events } = await expectSame({ ...hundred, options: () => ({ optimizer: optimizer(), epochs: 20 }) });
      tf.dispose(made as never);

      expect(events.at(-1)!.globalStep).toBe(100);
    });
  });

  describe('fails as the eager pipe does, and frees everything', () => {
    it.each(Object.entries(failing))('%s', async (_what, scenario) => {
      await expectSame(scenario);
    });
  });

  it('refuses a token that is none as the eager pipe does, in words of its own', async () => {
    const tokens = [0, 1, 9].map((token) => ({ data: Int32Array.of(token, 1, 2, 3), shape: [2, 2] }));
    const scenario: Scenario = {
      model: () => layers([2], tf.layers.embedding({ inputDim: 7, outputDim: 3 }), tf.layers.flatten()),
      batches: () => tokens.map((xs, i) => ({ xs, ys: randomArray([2, 6], i) })),
    };
    const [eager, compiled] = [await outcomeOf(false, scenario), await outcomeOf(true, scenario)];

    expect(eager.error).toMatch(/^BatchError: forward: micro-batch 3 must fit the model/);
    expect(compiled.error).toMatch(/^BatchError: forward: micro-batch 3 must fit the model/);
    expectNear({ ...compiled, error: undefined }, { ...eager, error: undefined });
  });

  describe('lets the model be used while it is trained', () => {
    it.each(Object.entries(looking))('%s', async (_what, scenario) => {
      await expectSame(scenario);
    });

    it('a clone keeps what the variable was', async () => {
      let clones: tf.Tensor[] = [];
      const { seen } = await expectSame({
        model: dense,
        options: () => ({ epochs: 2 }),
        during: (event, model) => {
          if (event.type === 'step') clones.push(first(model).clone(), first(model).clone());
          if (event.globalStep % 3 === 0) clones.pop()!.dispose();
          if (event.type === 'step') return undefined;
          const kept = clones.map((clone) => [...clone.dataSync()]);
          tf.dispose(clones);
          clones = [];
          return kept;
        },
      });

      const kept = seen.at(-1) as number[][];
      expect(new Set(kept.map(String)).size).toBe(10);
    });

    it('variables that others share are seen, and set for them', async () => {
      const temperature = variable([], 3, false);
      const run = (compile: boolean) => {
        tf.tidy(() => temperature.assign(tf.exp(0)));
        return outcomeOf(compile, {
          model: () => linear((y) => tf.mul(y, temperature)),
          during: () => tf.tidy(() => temperature.assign(tf.mul(temperature, 0.5))),
        });
      };
      const eager = await run(false);
      expectNear(await run(true), eager);
      expect(temperature.dataSync()[0]).toBe(0.5 ** 6);
      temperature.dispose();
    });
  });

  describe('runs', () => {
    it('stop in mid-window without a leak, with the weights of the last step', async () => {
      const run = async (compile: boolean) => {
        const before = alive();
        const model = dense();
        let [weights, pulled]: [number[][], number] = [[], 0];
        const endless = function* () {
          for (;;) {
            pulled += 1;
            yield randomBatches([4])[0]!;
          }
        };
        const stopped = new Promise<void>((resolve) => {
          const run = train(model, endless, {
            loss: mse,
            optimizer: adam(),
            accumulate: (step) => (step < 4 ? 2 : 1000),
            compile,
          }).subscribe(({ globalStep }) => {
            weights = variablesOf(model).map((each) => [...each.dataSync()]);
            if (globalStep < 3) return;
            const timer = setInterval(() => {
              if (pulled < 12) return;
              clearInterval(timer);
              run.unsubscribe();
              resolve();
            }, 1);
          });
        });
        await stopped;
        await new Promise((resolve) => setTimeout(resolve, 5));
        expect(variablesOf(model).map((each) => [...each.dataSync()])).toStrictEqual(weights);
        free(model);
        expectNoneLeft(before);
        return weights;
      };
      const outcome = async (compile: boolean) => ({
        events: [],
        seen: [],
        weights: await run(compile),
        error: undefined,
      });

      const eager = await outcome(false);
      expectNear(await outcome(true), eager);
    });

    it('stand side by side', async () => {
      const both = (compile: boolean) =>
        Promise.all(
          [1, 2].map(async (which) => {
            const model = filled(dense());
            const options = {
              loss: mse,
              optimizer: adam({ learningRate: 0.01 * which }),
              accumulate: which,
              epochs: 4,
            };
            const events = await lastValueFrom(
              train(model, randomBatches(EVEN), { ...options, compile }).pipe(toArray()),
            );
            const weights = variablesOf(model).map((each) => [...each.dataSync()]);
            free(model);
            return { events, weights, seen: [], error: undefined };
          }),
        );
      const eager = await both(false);
      (await both(true)).forEach((compiled, i) => expectNear(compiled, eager[i]!));
    });

    it('follow each other on one model, begun anew and cut off', async () => {
      const three = async (compile: boolean) => {
        const model = dense();
        const run$ = train(model, randomBatches(RAGGED), { loss: mse, optimizer: adam(), epochs: 2, compile });
        const events = [
          ...(await lastValueFrom(run$.pipe(toArray()))),
          ...(await lastValueFrom(run$.pipe(take(3), toArray()))),
          ...(await lastValueFrom(run$.pipe(toArray()))),
        ];
        const weights = variablesOf(model).map((each) => [...each.dataSync()]);
        free(model);
        return { events, weights, seen: [], error: undefined };
      };
      const eager = await three(false);
      expectNear(await three(true), eager);
    });
  });

  describe('says what it cannot compile', () => {
    it.each(Object.entries(impossible))('%s', async (_what, { what, says }) => {
      calls = 0;
      const { error } = await outcomeOf(true, what);
      expect(error).toMatch(says);
      expect(error).toMatch(/^CompileError: /);
    });

    it.each(Object.entries(impossible))(
      'with auto it trains op by op, and says so once: %s',
      async (_what, { what, says }) => {
        calls = 0;
        const eager = await outcomeOf(false, what);
        calls = 0;
        const warnings = await warningsOf(async () => expectNear(await outcomeOf('auto', what), eager));

        expect(warnings).toHaveLength(1);
        expect(warnings[0]).toMatch(/^trainStep: the step runs op by op, not as one graph: /);
        expect(warnings[0]).toMatch(says);
      },
    );

    it('with auto it says nothing where it can', async () => {
      expect(await warningsOf(() => outcomeOf('auto', {}))).toStrictEqual([]);
    });

    it('with auto, a shape of batch that cannot be compiled is computed op by op', async () => {
      const scenario: Scenario<OwnModel> = {
        batches: ragged,
        model: () => linear((y) => (y.shape[0] === 2 ? tf.mul(y, y.dataSync().length) : y)),
        options: () => ({ epochs: 2, accumulate: 2 }),
      };
      const eager = await outcomeOf(false, scenario);
      const warnings = await warningsOf(async () => expectNear(await outcomeOf('auto', scenario), eager));
      expect(warnings).toHaveLength(1);

      expect((await outcomeOf(true, scenario)).error).toMatch(/^CompileError: /);
    });
  });
});
