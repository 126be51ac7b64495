import type * as tf from '@tensorflow/tfjs';

/** The four models that every peer is measured on: a small and a wide MLP, a deep one, a small conv net. */
export type BenchModel = 'tiny' | 'mlp' | 'deep' | 'cnn';

/** Builds a bench model with logits for 10 classes; seeded, so that every contender starts alike. */
export function makeModel(library: typeof tf, kind: BenchModel): tf.LayersModel {
  let seed = 0;
  const kernelInitializer = () => library.initializers.glorotUniform({ seed: (seed += 1) });
  const dense = (units: number, more: object = {}) =>
    library.layers.dense({ units, activation: 'relu', kernelInitializer: kernelInitializer(), ...more });
  const conv = (filters: number, more: object = {}) =>
    library.layers.conv2d({
      filters,
      kernelSize: 3,
      activation: 'relu',
      kernelInitializer: kernelInitializer(),
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
  }[kind]();
  const logits = library.layers.dense({ units: 10, kernelInitializer: kernelInitializer() });
  return library.sequential({ layers: [...hidden, logits] });
}

/** Synthetic batches on the host, made once by a formula. */
export function makeBatches(
  kind: BenchModel,
  count: number,
  size: number,
): { xs: Float32Array; ys: Float32Array; shape: number[]; size: number }[] {
  let state = 1;
  const random = () => (state = (Math.imul(state, 1103515245) + 12345) & 0x7fffffff) / 0x7fffffff;
  return Array.from({ length: count }, () => {
    const ys = new Float32Array(size * 10);
    for (let i = 0; i < size; i++) ys[i * 10 + Math.floor(random() * 9.999)] = 1;
    return {
      xs: Float32Array.from({ length: size * 784 }, random),
      ys,
      shape: kind === 'cnn' ? [size, 28, 28, 1] : [size, 784],
      size,
    };
  });
}
