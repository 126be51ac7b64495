import type * as tf from '@tensorflow/tfjs';

import { ArgumentError } from '../core/errors.js';

/** What is wrong with the shape of labels that must have the shape of the predictions; undefined when nothing is. */
export function sameShape(
  labels: { readonly shape: readonly number[] },
  predictionShape: readonly number[],
): string | undefined {
  return mustBe(labels.shape, predictionShape, predictionShape);
}

/** What is wrong with labels of shape `received` where `wanted` must be; undefined when nothing is. */
export function mustBe(
  received: readonly number[],
  wanted: readonly number[],
  predictionShape: readonly number[],
): string | undefined {
  const fits = received.length === wanted.length && wanted.every((size, axis) => size === received[axis]);
  if (fits) return undefined;
  return `labels must have shape ${show(wanted)} for predictions of shape ${show(predictionShape)}, received ${show(received)}`;
}

/** Throws unless labels and predictions have the same shape, with an axis of samples: the quiet broadcast of [n] against [n, 1] is the classic bug. */
export function assertSameShape(name: string, labels: tf.Tensor, predictions: tf.Tensor): void {
  if (predictions.rank === 0) throw new ArgumentError(`${name}: predictions must have an axis of samples, received []`);
  const problem = sameShape(labels, predictions.shape);
  if (problem) throw new ArgumentError(`${name}: ${problem}`);
}

function show(shape: readonly number[]): string {
  return `[${shape.join(', ')}]`;
}
