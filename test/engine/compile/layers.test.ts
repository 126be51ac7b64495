import * as tf from '@tensorflow/tfjs';
import { lastValueFrom, tap, toArray } from 'rxjs';
import { describe, expect, it, vi } from 'vitest';

import { gpt } from '../../../examples/gptModel.js';
import { resnet } from '../../../examples/resnetModel.js';
import { validateEvery } from '../../../operators/validateEvery.js';
import type { Batch } from '../../../src/core/batch.js';
import type { MetricFunction } from '../../../src/core/metric.js';
import { seededRandom } from '../../../src/data/random.js';
import { mse } from '../../../src/losses/mse.js';
import { sparseSoftmaxCrossEntropy } from '../../../src/losses/sparseSoftmaxCrossEntropy.js';
import { adam } from '../../../src/optim/adam.js';
import { sgd } from '../../../src/optim/sgd.js';
import { train, type TrainOptions } from '../../../src/trainer/train.js';
import { absent, INSTALLED } from '../node/installed.js';
import { stacks } from './stacks.js';
import {
  alive,
  expectNoneLeft,
  expectSame,
  filled,
  free,
  layers,
  onNode,
  randomArray,
  randomBatches,
  variable,
  variablesOf,
  type OwnModel,
} from './support.js';

const { layers: l } = tf;
/** A dense layer for each activation, all on the same input. */
function activations(): tf.LayersModel {
  const names = ['elu', 'hardSigmoid', 'linear', 'relu', 'relu6', 'selu', 'sigmoid', 'softmax', 'softplus', 'softsign'];
  const newer = ['tanh', 'swish', 'mish', 'gelu', 'gelu_new'];
  const input = tf.input({ shape: [5] });
  const outputs = [...names, ...newer].map(
    (activation) => l.dense({ units: 2, activation: activation as 'relu' }).apply(input) as tf.SymbolicTensor,
  );
  return filled(tf.model({ inputs: input, outputs: l.concatenate().apply(outputs) as tf.SymbolicTensor }));
}

/** Two branches that every merging layer joins. */
function merges(): tf.LayersModel {
  const input = tf.input({ shape: [5] });
  const [a, b] = [0, 1].map(() => l.dense({ units: 4, activation: 'tanh' }).apply(input) as tf.SymbolicTensor);
  const joined = [l.add(), l.multiply(), l.average(), l.maximum(), l.minimum(), l.dot({ axes: 1 })].map(
    (layer) => layer.apply([a!, b!]) as tf.SymbolicTensor,
  );
  return filled(tf.model({ inputs: input, outputs: l.concatenate().apply(joined) as tf.SymbolicTensor }));
}

const HEADS = 2;
const SIZE = 4;
const TOKENS = 5;

/** Tokens in, logits of the next ones out: causal attention with two heads, written in TensorFlow.js. */
function attention(): OwnModel {
  const [embedding, position] = [variable([7, SIZE], 1), variable([TOKENS, SIZE], 2)];
  const [qkv, out, head] = [variable([SIZE, 3 * SIZE], 3), variable([SIZE, SIZE], 4), variable([SIZE, 7], 5)];
  const times = (x: tf.Tensor, w: tf.Variable): tf.Tensor =>
    tf.reshape(tf.matMul(tf.reshape(x, [-1, w.shape[0]!]), w as tf.Tensor2D), [...x.shape.slice(0, -1), w.shape[1]!]);
  return {
    variables: [embedding, position, qkv, out, head],
    apply: (xs: tf.Tensor2D) => {
      const [batch, length] = xs.shape;
      const x = tf.add(tf.gather(embedding, tf.cast(xs, 'int32')), position);
      const byHead = tf.transpose(tf.reshape(times(x, qkv), [batch, length, 3, HEADS, SIZE / HEADS]), [2, 0, 3, 1, 4]);
      const [q, k, v] = tf.unstack(byHead) as [tf.Tensor, tf.Tensor, tf.Tensor];
      const scores = tf.mul(tf.matMul(q, k, false, true), (SIZE / HEADS) ** -0.5);
      const future = tf.mul(tf.sub(1, tf.linalg.bandPart(tf.ones([length, length]), -1, 0)), -1e9);
      const seen = tf.matMul(tf.softmax(tf.add(scores, future)), v);
      const y = times(tf.reshape(tf.transpose(seen, [0, 2, 1, 3]), [batch, length, SIZE]), out);
      return times(tf.add(x, y), head);
    },
  };
}

const tokens = (shape: readonly number[], seed: number) => {
  const random = seededRandom(seed, 'tokens');
  const size = shape.reduce((product, length) => product * length, 1);
  return { data: Int32Array.from({ length: size }, () => random.nextInt(7)), shape };
};

/** The batches of a run: five steps of two batches each, the last of a short one alone. One epoch, as each further one costs a graph. */
const SIZES = [4, 4, 4, 4, 4, 4, 4, 4, 2];
const mean = (values: readonly number[]) => values.reduce((a, b) => a + b, 0) / values.length;
const options = () => ({ accumulate: 2, optimizer: adam({ learningRate: 0.01 }) });
/** Without Adam, which makes a step of a gradient that is 0 but for rounding: of a bias before a batch norm, of one of attention's keys. */
const plain = () => ({ ...options(), optimizer: sgd({ learningRate: 0.02 }) });
const labelsOf = ({ outputs }: tf.LayersModel) => (outputs[0]!.shape as number[]).slice(1);

describe.skipIf(absent)(`layers in a compiled step ${INSTALLED}`, () => {
  onNode();

  describe('train as they do op by op', () => {
    interface Given {
      readonly asTokens?: boolean;
      readonly options?: () => Partial<TrainOptions>;
    }
    const alike = (model: () => tf.LayersModel, inputs: readonly number[], given: Given = {}) => {
      const shaped = model();
      const labels = labelsOf(shaped);
      free(shaped);
      const batches = randomBatches(SIZES, { inputs, labels }).map((batch, i) =>
        given.asTokens ? { ...batch, xs: tokens([SIZES[i]!, ...inputs], i) } : batch,
      );
      return expectSame({ model, batches: () => batches, options: given.options ?? options });
    };

    it.each(Object.entries(stacks))('%s', async (_what, { inputs, layers: stack, asTokens = false }) => {
      await alike(() => layers(inputs, ...stack()), inputs, { asTokens });
    });

    it('dense layers with every activation', async () => {
      await alike(activations, [5]);
    });

    it('layers that merge', async () => {
      await alike(merges, [5]);
    });

    it('batch norm moves its statistics at every micro-batch', async () => {
      const model = () => layers([3], l.batchNormalization(), l.dense({ units: 2 }));
      const { weights } = await alike(model, [3]);
      const [, , , , mean, variance] = weights as number[][];

      mean!.forEach((value) => expect(Math.abs(value)).toBeGreaterThan(1e-4));
      variance!.forEach((value) => expect(value).toBeLessThan(0.97)); // nine batches pull 1 towards 1/3 by 0.01 each
    });

    it('a bias before a batch norm, whose gradient is rounding alone', async () => {
      const biased = () => [4, 3].flatMap((units) => [l.dense({ units }), l.batchNormalization()]);
      await expectSame({
        model: () => layers([5], ...biased()),
        batches: () => randomBatches(SIZES, { inputs: [5], labels: [3] }),
        options: plain,
      });
    });

    const sequences = SIZES.map((size, i): Batch => ({
      xs: tokens([size, TOKENS], i),
      ys: tokens([size, TOKENS], 9 + i),
    }));
    const written: Record<string, () => OwnModel> = {
      'multi-head attention': attention,
      'the GPT of the examples': () =>
        gpt(tf, { vocabulary: 7, context: TOKENS, width: 2 * SIZE, heads: HEADS, layers: 1, dropout: 0, seed: 1 }),
    };
    it.each(Object.entries(written))('%s, written in TensorFlow.js', async (_name, model) => {
      const loss = sparseSoftmaxCrossEntropy;
      await expectSame({ model, batches: () => sequences, options: () => ({ ...plain(), loss }) });
    });

    it('the ResNet of the examples', async () => {
      const model = () => filled(resnet(tf, { side: 4, classes: 3, widths: [2, 4], blocks: 1, seed: 1 }));
      await alike(model, [16], { options: plain });
    });
  });

  describe('draw random numbers', () => {
    /** What the metrics say of each micro-batch of ones, 64 samples of 32. */
    const drawn = async (
      apply: (ones: tf.Tensor2D, training: boolean) => tf.Tensor,
      metrics: Record<string, MetricFunction>,
      { sizes = Array<number>(8).fill(64), seed = 0 }: { sizes?: readonly number[]; seed?: number } = {},
    ): Promise<Record<string, number>[]> => {
      const before = alive();
      const one = tf.tidy(() => tf.variable(tf.exp(tf.zeros([32]))));
      const model: OwnModel = {
        variables: [one],
        apply: (xs: tf.Tensor2D, { training }) => apply(tf.mul(xs, one), training),
      };
      const ones = (shape: number[]) => ({ data: new Float32Array(shape[0]! * shape[1]!).fill(1), shape });
      const batches = sizes.map((size) => ({ xs: ones([size, 32]), ys: ones([size, 32]) }));
      const events = await lastValueFrom(
        train(model, batches, {
          loss: (_: tf.Tensor, y: tf.Tensor) => tf.mean(y),
          optimizer: sgd({ learningRate: 0 }),
          accumulate: 2,
          metrics,
          seed,
          compile: true,
        }).pipe(toArray()),
      );
      free(model);
      expectNoneLeft(before);
      return events.flatMap((event) => (event.type === 'step' ? event.microBatches.map((each) => each.metrics) : []));
    };
    /** A number that hardly two draws share. */
    const print: MetricFunction = (_: tf.Tensor, y: tf.Tensor) =>
      tf.sum(tf.mul(tf.reshape(y, [-1]), tf.sin(tf.range(0, y.size))));
    const moments = {
      print,
      mean: (_: tf.Tensor, y: tf.Tensor) => tf.mean(y),
      square: (_: tf.Tensor, y: tf.Tensor) => tf.mean(tf.square(y)),
    };
    const layer = (of: tf.layers.Layer) => (x: tf.Tensor, training: boolean) => of.apply(x, { training }) as tf.Tensor;

    it.each([0.1, 0.5, 0.75])('dropout at rate %d drops that share and scales what it keeps', async (rate) => {
      const seen = await drawn((x, training) => (training ? tf.dropout(x, rate) : x), {
        ...moments,
        kept: (_: tf.Tensor, y: tf.Tensor) => tf.mean(tf.cast(tf.greater(y, 0), 'float32')),
        largest: (_: tf.Tensor, y: tf.Tensor) => tf.max(y),
      });

      // 16384 draws: four standard deviations are 0.016 at most.
      expect(Math.abs(mean(seen.map(({ kept }) => kept!)) - (1 - rate))).toBeLessThan(0.016);
      seen.forEach(({ largest }) => expect(largest).toBeCloseTo(1 / (1 - rate), 5));
      seen.forEach((each) => expect(each['mean']).toBeCloseTo(each['kept']! / (1 - rate), 4));
      expect(new Set(seen.map((each) => each['print'])).size).toBe(seen.length);
    });

    const { gaussianNoise, gaussianDropout, alphaDropout } = l;
    /** Mean and standard deviation of what is made of ones. */
    const noises: Record<string, readonly [(x: tf.Tensor2D, training: boolean) => tf.Tensor, number, number]> = {
      'the layer of Gaussian noise': [layer(gaussianNoise({ stddev: 0.5 })), 1, 0.5],
      'the layer of Gaussian noise, a third': [layer(gaussianNoise({ stddev: 1 / 3 })), 1, 1 / 3],
      'the layer of Gaussian dropout': [layer(gaussianDropout({ rate: 0.3 })), 1, Math.sqrt(0.3 / 0.7)],
      'the dropout layer': [layer(l.dropout({ rate: 0.2 })), 1, 0.5],
      'the layer of alpha dropout': [layer(alphaDropout({ rate: 0.2 })), ...alpha(0.2)],
      'normal numbers': [(x) => tf.add(x, tf.randomNormal(x.shape, 2, 3)), 3, 3],
      'normal numbers, small': [
        (x) => tf.add(tf.mul(x, 0), tf.mul(tf.randomNormal(x.shape, 0, 1.23456e-4), 1e4)),
        0,
        1.23456,
      ],
      'uniform numbers': [(x) => tf.add(x, tf.randomUniform(x.shape, -1, 3)), 2, 4 / Math.sqrt(12)],
      'truncated normal numbers': [(x) => tf.add(x, tf.truncatedNormal(x.shape, 1, 2)), 2, 2 * 0.8796],
    };
    it.each(Object.entries(noises))('%s: mean and deviation', async (_name, [apply, mu, sigma]) => {
      const seen = await drawn(apply, moments);
      const average = mean(seen.map((each) => each['mean']!));
      const deviation = Math.sqrt(mean(seen.map(({ square }) => square!)) - average ** 2);

      expect(Math.abs(average - mu)).toBeLessThan(0.035 * sigma); // 16384 draws: four standard deviations
      expect(Math.abs(deviation - sigma)).toBeLessThan(0.035 * sigma);
      expect(new Set(seen.map((each) => each['print'])).size).toBe(seen.length);
    });

    it('two dropouts of a step draw apart from each other, in every shape of batch', async () => {
      const both = (x: tf.Tensor) => tf.mul(tf.dropout(x, 0.5), tf.dropout(x, 0.5));
      const kept: MetricFunction = (_: tf.Tensor, y: tf.Tensor) => tf.mean(tf.cast(tf.greater(y, 0), 'float32'));
      const seen = await drawn(both, { kept, print }, { sizes: [64, 64, 64, 64, 64, 64, 48, 48] });

      expect(Math.abs(mean(seen.map((each) => each['kept']!)) - 0.25)).toBeLessThan(0.015); // 0.5, were they one
      expect(new Set(seen.map((each) => each['print'])).size).toBe(seen.length);
    });

    it('nothing from outside the seed, when the graph is recorded and checked either: it passes in each run or in none', async () => {
      const outside = vi.spyOn(Math, 'random');
      const { calls } = outside.mock;
      await drawn((x) => tf.dropout(x, 0.5), { print }, { sizes: [64, 64, 48, 48] });
      outside.mockRestore();

      expect(calls).toStrictEqual([]);
    });

    it('the same for the same seed, others for others', async () => {
      const prints = async (seed: number) => {
        const seen = await drawn((x) => tf.dropout(x, 0.5), { print }, { seed });
        return seen.map((each) => each['print']);
      };
      const seen = await prints(1);

      expect(await prints(1)).toStrictEqual(seen);
      expect(await prints(2)).not.toStrictEqual(seen);
    });
  });

  it('validation and prediction see the weights of the step, and no dropout', async () => {
    const before = alive();
    const model = layers([3], l.dropout({ rate: 0.5 }), l.dense({ units: 4 }), l.gaussianNoise({ stddev: 9 }));
    const held = randomArray([6, 3], 77);
    const [kernel, bias] = variablesOf(model) as readonly tf.Tensor[] as [tf.Tensor2D, tf.Tensor1D];
    const byHand = () => tf.tidy(() => tf.add(tf.matMul(tf.tensor2d(held.data, [6, 3]), kernel), bias).dataSync());
    const predicted = () =>
      tf.tidy(() => (model.predict(tf.tensor2d(held.data, [6, 3])) as tf.Tensor).dataSync().slice());
    const zeros = { data: new Float32Array(24), shape: [6, 4] };
    const losses: number[] = [];
    const run$ = train(model, randomBatches(SIZES, { labels: [4] }), { ...options(), loss: mse, compile: true });
    await lastValueFrom(
      run$.pipe(
        validateEvery(1, () => [{ xs: held, ys: zeros }]),
        tap((event) => {
          const outputs = byHand();
          expect(Array.from(predicted(), (value, i) => Math.abs(value - outputs[i]!) < 1e-5)).not.toContain(false);
          if (event.type !== 'validation') return;
          losses.push(event.loss);
          expect(event.loss).toBeCloseTo(mean(Array.from(outputs, (value) => value ** 2)), 4);
        }),
      ),
    );
    free(model);
    expectNoneLeft(before);

    expect(new Set(losses).size).toBe(5);
  });
});

/** Mean and standard deviation of alpha dropout on ones, as TensorFlow.js has it: it drops to 1.7581, not to -1.7581 as in the paper. */
function alpha(rate: number): [number, number] {
  const dropped = 1.6732632423543772 * 1.0507009873554805;
  const a = ((1 - rate) * (1 + rate * dropped ** 2)) ** -0.5;
  const b = a * dropped * rate;
  const [keptValue, droppedValue] = [a + b, a * dropped + b];
  const mu = (1 - rate) * keptValue + rate * droppedValue;
  return [mu, Math.sqrt(rate * (1 - rate)) * Math.abs(keptValue - droppedValue)];
}
