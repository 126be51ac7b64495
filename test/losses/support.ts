import * as tf from '@tensorflow/tfjs';
import { afterAll, beforeAll } from 'vitest';

import type { LossFunction } from '../../src/core/loss.js';
import type { MetricFunction } from '../../src/core/metric.js';
import { engine, type EngineName } from '../../src/engine/engine.js';

/** Numbers with a shape. */
export interface Values {
  readonly shape: readonly number[];
  readonly data: number[];
}

/** A table of numbers as values with its shape. */
export function values(table: tf.TensorLike): Values {
  const tensor = tf.tensor(table, undefined, 'float32');
  const { shape } = tensor;
  return { shape, data: takeNumbers(tensor) };
}

/** What a loss or a metric says of each sample. */
export function perSample(
  loss: LossFunction | MetricFunction,
  labels: Values,
  predictions: Values,
  dtype?: Type,
): number[] {
  return takeNumbers(tf.tidy(() => loss(toTensor(labels, dtype), toTensor(predictions))));
}

/** The gradient, by the predictions, of the sum of each sample's loss times its weight. */
export function gradientOf(
  loss: LossFunction,
  labels: Values,
  predictions: Values,
  weights: number[] = Array<number>(predictions.shape[0]!).fill(1),
  dtype?: Type,
): number[] {
  return takeNumbers(
    tf.tidy(() => {
      const given = toTensor(labels, dtype);
      return tf.grad((x) => loss(given, x))(toTensor(predictions), tf.tensor1d(weights));
    }),
  );
}

/** Runs the tests of a `describe` on another engine than the cpu. */
export function runsOn(name: EngineName): void {
  beforeAll(async () => {
    await engine(name);
    // TensorFlow.js's own leak check takes the copy that wasm's Identity makes, of what is kept for a gradient, for a leak.
    tf.env().set('IS_TEST', name !== 'wasm');
  });
  afterAll(async () => {
    await engine('cpu');
    tf.env().set('IS_TEST', true);
  });
}

/** The largest distance between numbers that should be equal; NaN if one of them is. */
export function apart(received: number[], expected: number[]): number {
  if (received.length !== expected.length) return Infinity;
  return Math.max(...received.map((value, i) => Math.abs(value - expected[i]!)));
}

/** The kernels that run while `compute` does, by name, in order. */
export async function kernelsOf(compute: () => tf.Tensor): Promise<string[]> {
  const { kernels } = await tf.profile(() => {
    const result = tf.tidy(compute);
    result.dispose();
    return result;
  });
  return kernels.map(({ name }) => name).filter((name) => /^[A-Z]/.test(name)); // the others are scopes
}

type Type = 'float32' | 'int32';

export function toTensor({ data, shape }: Values, dtype: Type = 'float32'): tf.Tensor {
  return tf.tensor(data, [...shape], dtype);
}

/** The numbers of a tensor, which it disposes. */
export function takeNumbers(tensor: tf.Tensor): number[] {
  const numbers = [...tensor.dataSync()];
  tensor.dispose();
  return numbers;
}
