import * as tf from '@tensorflow/tfjs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { engine } from '../../../src/engine/engine.js';

beforeAll(async () => {
  await engine('wasm');
});
afterAll(async () => {
  await engine('cpu');
});

let seed = 0;
const initializer = () => tf.initializers.glorotUniform({ seed: (seed += 1) });
const weights = () => ({ kernelInitializer: initializer() });
const depthwise = () => ({ depthwiseInitializer: initializer() });
const recurrent = () => ({ ...weights(), recurrentInitializer: initializer() });

/** softmax(x·W·xᵀ)·x: attention of a sequence to itself. */
class SelfAttention extends tf.layers.Layer {
  static className = 'SelfAttention';
  private kernel!: tf.LayerVariable;

  override build([, , size]: [number, number, number]): void {
    this.kernel = this.addWeight('kernel', [size, size], 'float32', initializer());
    this.built = true;
  }

  override computeOutputShape(shape: tf.Shape): tf.Shape {
    return shape;
  }

  override call(inputs: tf.Tensor | tf.Tensor[]): tf.Tensor {
    const x = [inputs].flat()[0]!;
    const [batch, length, size] = x.shape as [number, number, number];
    const queries = tf.reshape(
      tf.matMul(tf.reshape(x, [batch * length, size]), this.kernel.read() as tf.Tensor2D),
      x.shape,
    );
    return tf.matMul(tf.softmax(tf.mul(tf.matMul(queries, x, false, true), 1 / Math.sqrt(size))), x);
  }
}

const IMAGE = [8, 8, 2];
const WORDS = [6];
const { layers } = tf;
/** What comes before the logits, and the shape of a sample. */
const MODELS: Readonly<Record<string, { shape: number[]; body: () => tf.layers.Layer[] }>> = {
  'a conv net': {
    shape: IMAGE,
    body: () => [
      layers.conv2d({ filters: 6, kernelSize: 3, strides: 2, padding: 'same', activation: 'relu', ...weights() }),
      layers.maxPooling2d({ poolSize: 2 }),
      layers.conv2d({ filters: 4, kernelSize: 2, activation: 'elu', ...weights() }),
      layers.flatten(),
    ],
  },
  'a transposed conv net': {
    shape: IMAGE,
    body: () => [
      layers.conv2dTranspose({
        filters: 3,
        kernelSize: 3,
        strides: 2,
        padding: 'same',
        activation: 'tanh',
        ...weights(),
      }),
      layers.upSampling2d({ size: [2, 2], interpolation: 'bilinear' }),
      layers.averagePooling2d({ poolSize: 3, strides: 2, padding: 'same' }),
      layers.globalAveragePooling2d({}),
    ],
  },
  'depthwise and separable convolutions': {
    shape: IMAGE,
    body: () => [
      layers.depthwiseConv2d({
        kernelSize: 3,
        depthMultiplier: 2,
        padding: 'same',
        activation: 'relu',
        ...depthwise(),
      }),
      layers.separableConv2d({
        filters: 4,
        kernelSize: 3,
        strides: 2,
        ...depthwise(),
        pointwiseInitializer: initializer(),
      }),
      layers.flatten(),
    ],
  },
  'batch and layer norm': {
    shape: IMAGE,
    body: () => [
      layers.conv2d({ filters: 4, kernelSize: 3, ...weights() }),
      layers.batchNormalization(),
      layers.leakyReLU({ alpha: 0.1 }),
      layers.flatten(),
      layers.layerNormalization(),
    ],
  },
  'an embedding and a GRU': {
    shape: WORDS,
    body: () => [
      layers.embedding({ inputDim: 9, outputDim: 5, embeddingsInitializer: initializer() }),
      layers.gru({ units: 6, ...recurrent() }),
    ],
  },
  'an embedding, a conv1d and an LSTM': {
    shape: WORDS,
    body: () => [
      layers.embedding({ inputDim: 9, outputDim: 5, embeddingsInitializer: initializer() }),
      layers.conv1d({ filters: 4, kernelSize: 2, padding: 'same', activation: 'selu', ...weights() }),
      layers.lstm({ units: 6, ...recurrent() }),
    ],
  },
  attention: {
    shape: WORDS,
    body: () => [
      layers.embedding({ inputDim: 9, outputDim: 8, embeddingsInitializer: initializer() }),
      new SelfAttention({}),
      layers.globalAveragePooling1d({}),
    ],
  },
};

/** Trains five steps and gives the losses and the weights. */
function trained(kind: string): number[] {
  seed = 0;
  const { shape, body } = MODELS[kind]!;
  const [first, ...others] = body();
  const model = tf.sequential();
  model.add(layers.inputLayer({ inputShape: shape }));
  [first!, ...others, layers.dense({ units: 3, ...weights() })].forEach((layer) => model.add(layer));
  const optimizer = tf.train.sgd(0.1);
  const variables = model.trainableWeights.map((weight) => weight.read() as tf.Variable);
  const values = tf.tidy(() => {
    const words = shape === WORDS;
    const size = shape.reduce((product, length) => product * length, 4);
    const xs = tf.tensor(
      Array.from({ length: size }, (_, i) => (words ? (i * 7) % 9 : Math.sin(i * 1.7))),
      [4, ...shape],
    );
    const ys = tf.oneHot(tf.tensor1d([0, 2, 1, 2], 'int32'), 3);
    const losses = Array.from({ length: 5 }, () => {
      const loss = () => tf.neg(tf.mean(tf.mul(ys, tf.logSoftmax(model.apply(xs, { training: true }) as tf.Tensor))));
      return optimizer.minimize(loss as () => tf.Scalar, true, variables)!.dataSync()[0]!;
    });
    return [...losses, ...variables.flatMap((variable) => [...variable.dataSync()])];
  });
  optimizer.dispose();
  model.dispose();
  return values;
}

describe('trains on wasm as on cpu', () => {
  for (const kind of Object.keys(MODELS))
    it(kind, async () => {
      const [tensors, held] = [tf.memory().numTensors, tf.backend().numDataIds()];
      const onWasm = trained(kind);
      expect([tf.memory().numTensors, tf.backend().numDataIds()]).toStrictEqual([tensors, held]);
      await engine('cpu');
      const onCpu = trained(kind);
      await engine('wasm');

      expect(onWasm).toHaveLength(onCpu.length);
      expect(onWasm[4]).toBeLessThan(onWasm[0]!);
      onWasm.forEach((value, i) => expect(Math.abs(value - onCpu[i]!)).toBeLessThan(1e-4 * (1 + Math.abs(value))));
    });
});
