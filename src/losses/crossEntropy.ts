import type * as tf from '@tensorflow/tfjs';

import { ArgumentError } from '../core/errors.js';
import { tensors } from '../core/tensors.js';
import { constant } from './constant.js';
import { lossPerSample } from './lossPerSample.js';

/**
 * −Σ label · log softmax(logit) of each row of logits, averaged over each sample; gradient softmax − label.
 *
 * The logarithm is never taken of a probability that may be 0: log softmax(x) = (x − max) + log(max softmax), and the largest of n
 * probabilities is at least 1/n. So the softmax, which the gradient needs, serves for the value too.
 *
 * **Cost**: 9 kernels (Softmax, 2 Max, 3 Sub, Multiply, Sum, Log), and what {@link lossPerSample} adds.
 * **Memory**: at most four tensors in the shape of the logits at a time; one is kept for the gradient.
 */
export function crossEntropy(labels: tf.Tensor, logits: tf.Tensor): tf.Tensor {
  const { log, max, mul, softmax, sub, sum } = tensors();
  const probabilities = constant(() => softmax(logits));
  return lossPerSample(logits, {
    values: () => {
      const belowMax = sub(max(logits, -1, true), logits);
      return sum(mul(sub(belowMax, log(max(probabilities, -1, true))), labels), -1);
    },
    slope: constant(() => sub(probabilities, labels)),
  });
}

/** Throws unless the last axis of the predictions holds classes to choose from. */
export function assertClasses(name: string, { shape }: tf.Tensor): void {
  if (shape.length < 2 || shape.at(-1)! < 2) {
    throw new ArgumentError(
      `${name}: predictions must have shape [batch, …, classes] with 2 classes or more, received [${shape.join(', ')}]; ` +
        'for one logit per sample there are sigmoidCrossEntropy and binaryAccuracy',
    );
  }
}
