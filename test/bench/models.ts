import type * as tf from '@tensorflow/tfjs';

import type { LossFunction } from '../../src/core/loss.js';
import type { Model } from '../../src/core/model.js';
import { softmaxCrossEntropy } from '../../src/losses/softmaxCrossEntropy.js';
import { sparseSoftmaxCrossEntropy } from '../../src/losses/sparseSoftmaxCrossEntropy.js';
import { CONTEXT, makeGpt, VOCABULARY } from './gpt.js';
import { makeLayersModel } from './layersModels.js';

/** The models that every side is measured on: a small and a wide MLP, a deep one, a conv net, an LSTM and a GPT. */
export type BenchModel = 'tiny' | 'mlp' | 'deep' | 'cnn' | 'lstm' | 'gpt';

/** A model that is disposed after its run. */
export type BenchNet = Model & { dispose(): unknown };

/** A batch on the host: labels are one-hot, for the GPT the number of each next token. */
export interface HostBatch {
  readonly xs: Float32Array | Int32Array;
  readonly shape: number[];
  readonly ys: Float32Array | Int32Array;
  readonly labelShape: number[];
  /** The labels as class numbers, whatever `ys` is. */
  readonly classes: Int32Array;
  readonly size: number;
}

/** Samples of a micro-batch. */
export const SIZES: Readonly<Record<BenchModel, number>> = { tiny: 32, mlp: 32, deep: 32, cnn: 32, lstm: 32, gpt: 8 };

/** Builds a bench model that gives logits; seeded, so that every contender starts alike. */
export function makeModel(library: typeof tf, kind: BenchModel): BenchNet {
  return kind === 'gpt' ? makeGpt(library) : makeLayersModel(library, kind);
}

/** The loss of ours that a model's labels are for. */
export function lossFor(kind: BenchModel): LossFunction {
  return kind === 'gpt' ? sparseSoftmaxCrossEntropy : softmaxCrossEntropy;
}

/** Synthetic batches on the host, made once by a formula; there is something to learn in them, so that losses tell one run from another. */
export function makeBatches(kind: BenchModel, count: number, size: number): HostBatch[] {
  let state = 1;
  const random = () => (state = (Math.imul(state, 1103515245) + 12345) & 0x7fffffff) / 0x7fffffff;
  const prototypes = Float32Array.from({ length: 10 * PIXELS }, random);
  return Array.from({ length: count }, () =>
    kind === 'gpt' ? tokens(size, random) : pixels(size, random, prototypes, IMAGES[kind]),
  );
}

const PIXELS = 784;
interface Image {
  readonly shape: readonly number[];
  /** How much of it is its class's prototype: as much as the model needs to learn something within a few steps. */
  readonly signal: number;
}

const IMAGES: Readonly<Record<Exclude<BenchModel, 'gpt'>, Image>> = {
  tiny: { shape: [784], signal: 0.3 },
  mlp: { shape: [784], signal: 0.3 },
  deep: { shape: [784], signal: 0.6 },
  cnn: { shape: [28, 28, 1], signal: 0.3 },
  lstm: { shape: [28, 28], signal: 0.6 },
};

/** Pictures are prototypes under noise, about 0: else the first steps are so large that rounding alone sets runs apart. */
function pixels(size: number, random: () => number, prototypes: Float32Array, image: Image): HostBatch {
  const { shape, signal } = image;
  const classes = Int32Array.from({ length: size }, () => Math.floor(random() * 9.999));
  const ys = new Float32Array(size * 10);
  classes.forEach((label, i) => (ys[i * 10 + label] = 1));
  const xs = Float32Array.from({ length: size * PIXELS }, (_, i) => {
    const label = classes[Math.floor(i / PIXELS)]!;
    return (1 - signal) * random() + signal * prototypes[label * PIXELS + (i % PIXELS)]! - 0.5;
  });
  return { xs, shape: [size, ...shape], ys, labelShape: [size, 10], classes, size };
}

/** Each token mostly follows from the one before. */
function tokens(size: number, random: () => number): HostBatch {
  const xs = new Int32Array(size * CONTEXT);
  const classes = new Int32Array(size * CONTEXT);
  let token = 0;
  for (let i = 0; i < xs.length; i++) {
    xs[i] = token;
    token = random() < 0.8 ? (token * 5 + 3) % VOCABULARY : Math.floor(random() * VOCABULARY) % VOCABULARY;
    classes[i] = token;
  }
  return { xs, shape: [size, CONTEXT], ys: classes, labelShape: [size, CONTEXT], classes, size };
}
