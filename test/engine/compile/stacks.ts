import * as tf from '@tensorflow/tfjs';

const { layers: l } = tf;
const image = [6, 6, 2];
const series = [8, 3];

/** Layers that are trained on inputs of a shape. */
export interface Stack {
  readonly inputs: readonly number[];
  readonly layers: () => tf.layers.Layer[];
  /** Whether the inputs are whole numbers from 0 to 6. */
  readonly asTokens?: boolean;
}

const paddings = ['same', 'valid'] as const;
const strides = [1, 2];
/** A layer for each padding and each stride; the image gets smaller on the way. */
const each = <T>(make: (options: { padding: 'same' | 'valid'; strides: number }) => T): T[] =>
  paddings.flatMap((padding) => strides.map((stride) => make({ padding, strides: stride })));

/** What a compiled step is tried on. */
export const stacks: Record<string, Stack> = {
  'conv1d, same and valid, strides 1 and 2': {
    inputs: [12, 3],
    layers: () => each((how) => l.conv1d({ filters: 3, kernelSize: 2, activation: 'tanh', ...how })),
  },
  'conv2d, same and valid, strides 1 and 2': {
    inputs: [12, 12, 2],
    layers: () => each((how) => l.conv2d({ filters: 3, kernelSize: 3, activation: 'relu', ...how })),
  },
  'conv2d, channels first': {
    inputs: [2, 6, 6],
    layers: () => [l.conv2d({ filters: 3, kernelSize: 3, dataFormat: 'channelsFirst' })],
  },
  'depthwise conv, same and valid, strides 1 and 2': {
    inputs: [12, 12, 2],
    layers: () => each((how) => l.depthwiseConv2d({ kernelSize: 3, activation: 'tanh', ...how })),
  },
  'depthwise conv with a multiplier': {
    inputs: image,
    layers: () => [l.depthwiseConv2d({ kernelSize: 3, depthMultiplier: 2 })],
  },
  'separable conv, same and valid, strides 1 and 2': {
    inputs: [12, 12, 2],
    layers: () => each((how) => l.separableConv2d({ filters: 3, kernelSize: 3, activation: 'elu', ...how })),
  },
  'transposed conv, same and valid, strides 1 and 2': {
    inputs: [2, 2, 2],
    layers: () => each((how) => l.conv2dTranspose({ filters: 2, kernelSize: 2, activation: 'tanh', ...how })),
  },
  conv3d: { inputs: [4, 4, 4, 2], layers: () => [l.conv3d({ filters: 3, kernelSize: 2 }), l.maxPooling3d({})] },
  'max pooling, same and valid, strides 1 and 2': {
    inputs: [12, 12, 2],
    layers: () => [l.conv2d({ filters: 2, kernelSize: 2 }), ...each((how) => l.maxPooling2d({ poolSize: 2, ...how }))],
  },
  // Not 'same': TensorFlow.js divides by the padding in the gradient, and not in the value.
  'average pooling, strides 1 and 2': {
    inputs: [9, 9, 2],
    layers: () => [
      l.conv2d({ filters: 2, kernelSize: 2 }),
      ...strides.map((stride) => l.averagePooling2d({ poolSize: 2, strides: stride, padding: 'valid' })),
    ],
  },
  'pooling of series': {
    inputs: series,
    layers: () => [
      l.conv1d({ filters: 3, kernelSize: 2 }),
      l.maxPooling1d({ poolSize: 2, strides: 1 }),
      l.averagePooling1d({ poolSize: 2 }),
      l.globalMaxPooling1d({}),
    ],
  },
  'global max pooling': {
    inputs: image,
    layers: () => [l.conv2d({ filters: 3, kernelSize: 2 }), l.globalMaxPooling2d({})],
  },
  'global average pooling': {
    inputs: image,
    layers: () => [l.conv2d({ filters: 3, kernelSize: 2 }), l.globalAveragePooling2d({})],
  },
  'batch norm behind dense layers': {
    inputs: [5],
    layers: () => [
      l.dense({ units: 4, useBias: false }),
      l.batchNormalization({ momentum: 0.8 }),
      l.dense({ units: 2 }),
    ],
  },
  'batch norm behind a convolution': {
    inputs: image,
    layers: () => [
      l.conv2d({ filters: 3, kernelSize: 3, useBias: false }),
      l.batchNormalization({ momentum: 0.8 }),
      l.reLU(),
      l.conv2d({ filters: 2, kernelSize: 2 }),
    ],
  },
  'layer norm': { inputs: [5], layers: () => [l.dense({ units: 4 }), l.layerNormalization(), l.dense({ units: 2 })] },
  embedding: {
    inputs: [6],
    asTokens: true,
    layers: () => [l.embedding({ inputDim: 7, outputDim: 3 }), l.flatten(), l.dense({ units: 2 })],
  },
  'embedding with a mask': {
    inputs: [3],
    asTokens: true,
    layers: () => [l.embedding({ inputDim: 7, outputDim: 3, maskZero: true }), l.simpleRNN({ units: 2 })],
  },
  'LSTM, whole series and the last value': {
    inputs: [3, 3],
    layers: () => [l.lstm({ units: 3, returnSequences: true }), l.lstm({ units: 2, recurrentActivation: 'sigmoid' })],
  },
  'GRU, whole series and the last value': {
    inputs: [3, 3],
    layers: () => [l.gru({ units: 3, returnSequences: true }), l.gru({ units: 2, recurrentActivation: 'sigmoid' })],
  },
  'GRU in both directions': {
    inputs: [3, 3],
    layers: () => [l.bidirectional({ layer: l.gru({ units: 2 }) as tf.RNN, mergeMode: 'concat' })],
  },
  'a dense layer at each time': {
    inputs: [3, 3],
    layers: () => [l.timeDistributed({ layer: l.dense({ units: 2, activation: 'tanh' }) })],
  },
  'activations with weights or parameters': {
    inputs: [5],
    layers: () => [l.dense({ units: 6 }), l.prelu(), l.leakyReLU(), l.elu(), l.reLU({ maxValue: 6 }), l.softmax()],
  },
  'reshaping, padding, cropping and upsampling': {
    inputs: image,
    layers: () => [
      l.conv2d({ filters: 2, kernelSize: 2 }),
      l.zeroPadding2d({}),
      l.upSampling2d({}),
      l.cropping2D({
        cropping: [
          [1, 1],
          [1, 0],
        ],
      }),
      l.upSampling2d({ interpolation: 'bilinear' }),
      l.permute({ dims: [3, 1, 2] }),
      l.flatten(),
      l.repeatVector({ n: 2 }),
      l.reshape({ targetShape: [4, 624] }),
    ],
  },
};
