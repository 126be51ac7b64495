import type * as tf from '@tensorflow/tfjs';

/** Builds one of the models that are made of layers, with logits for 10 classes; seeded. */
export function makeLayersModel(library: typeof tf, kind: 'tiny' | 'mlp' | 'deep' | 'cnn' | 'lstm'): tf.LayersModel {
  let seed = 0;
  const initializer = () => library.initializers.glorotUniform({ seed: (seed += 1) });
  const dense = (units: number, more: object = {}) =>
    library.layers.dense({ units, activation: 'relu', kernelInitializer: initializer(), ...more });
  const conv = (filters: number, more: object = {}) =>
    library.layers.conv2d({ filters, kernelSize: 3, activation: 'relu', kernelInitializer: initializer(), ...more });
  // As PyTorch has it: TensorFlow.js would take a hard sigmoid for the gates.
  const lstm = (units: number, more: object = {}) =>
    library.layers.lstm({
      units,
      recurrentActivation: 'sigmoid',
      kernelInitializer: initializer(),
      recurrentInitializer: initializer(),
      ...more,
    });
  const hidden = {
    tiny: () => [dense(32, { inputShape: [784] })],
    mlp: () => [dense(512, { inputShape: [784] }), dense(512)],
    deep: () => [dense(64, { inputShape: [784] }), ...Array.from({ length: 20 }, () => dense(64))],
    cnn: () => [
      conv(32, { inputShape: [28, 28, 1] }),
      library.layers.maxPooling2d({ poolSize: 2 }),
      conv(64),
      library.layers.flatten(),
      dense(128),
    ],
    lstm: () => [lstm(128, { inputShape: [28, 28] })],
  }[kind]();
  const logits = library.layers.dense({ units: 10, kernelInitializer: initializer() });
  return library.sequential({ layers: [...hidden, logits] });
}
