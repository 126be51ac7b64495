import * as tf from '@tensorflow/tfjs';

import type { Batch } from '../../src/core/batch.js';
import type { CustomModel } from '../../src/core/model.js';

/** y = x·w + b with two inputs: small enough to check by hand. `dispose` frees its variables. */
export interface Line extends CustomModel {
  readonly w: tf.Variable;
  readonly b: tf.Variable;
  dispose(): void;
  read(): number[];
}

export function line(w: number[] = [0.5, -0.25], b = 0.125): Line {
  const weight = tf.tidy(() => tf.variable(tf.tensor2d(w, [2, 1])));
  const bias = tf.tidy(() => tf.variable(tf.tensor1d([b])));
  return {
    w: weight,
    b: bias,
    variables: [weight, bias],
    apply: (xs: tf.Tensor2D) => tf.add(tf.matMul(xs, weight as tf.Tensor2D), bias),
    dispose: () => tf.dispose([weight, bias]),
    read: () => [...weight.dataSync(), ...bias.dataSync()],
  };
}

/** Mean squared error per sample. */
export const squaredError = (labels: tf.Tensor2D, predictions: tf.Tensor2D): tf.Tensor1D =>
  tf.mean(tf.squaredDifference(labels, predictions), -1);

/** Samples of a noisy line, made by a formula: the same for everybody. */
export function samples(count: number, from = 0): { x: [number, number]; y: number }[] {
  return Array.from({ length: count }, (_, i) => {
    const n = from + i;
    const x: [number, number] = [Math.sin(n * 1.7), Math.cos(n * 0.9)];
    return { x, y: 2 * x[0] - x[1] + 0.5 + 0.1 * Math.sin(n * 13) };
  });
}

/** Samples as one batch on the host. */
export function batchOf(part: readonly { x: [number, number]; y: number }[], weight?: Batch['weight']): Batch {
  return {
    xs: { data: Float32Array.from(part.flatMap(({ x }) => x)), shape: [part.length, 2] },
    ys: { data: Float32Array.from(part.map(({ y }) => y)), shape: [part.length, 1] },
    ...(weight !== undefined && { weight }),
  };
}

/** Samples cut into batches of the given sizes. */
export function batchesOf(sizes: readonly number[]): Batch[] {
  const all = samples(sizes.reduce((a, b) => a + b, 0));
  let at = 0;
  return sizes.map((size) => batchOf(all.slice(at, (at += size))));
}
