import * as tf from '@tensorflow/tfjs';
import { of } from 'rxjs';
import { describe, expect, it } from 'vitest';

import { backward } from '../../operators/backward.js';
import { forward } from '../../operators/forward.js';
import { disposeTensors } from '../../src/core/batch.js';
import { ArgumentError } from '../../src/core/errors.js';
import { softmaxCrossEntropy } from '../../src/losses/index.js';
import { accuracy, binaryAccuracy, meanAbsoluteError } from '../../src/metrics/index.js';
import { kernelsOf, perSample, runsOn, takeNumbers, values } from '../losses/support.js';

describe.each(['cpu', 'wasm'] as const)('accuracy on %s', (name) => {
  runsOn(name);

  const logits = values([
    [-1, 2, 0],
    [3, 1, 2],
    [0, 0, 5],
  ]);

  it.each(['int32', 'float32'] as const)(
    'is 1 where the highest logit is that of the label, an %s class number',
    (dtype) => {
      expect(perSample(accuracy, values([1, 1, 2]), logits, dtype)).toStrictEqual([1, 0, 1]);
    },
  );

  it.each(['int32', 'float32'] as const)('takes one-hot labels by their rank, %s', (dtype) => {
    expect(
      perSample(
        accuracy,
        values([
          [0, 1, 0],
          [0, 1, 0],
          [0, 0, 1],
        ]),
        logits,
        dtype,
      ),
    ).toStrictEqual([1, 0, 1]);
  });

  it('takes the most likely class of labels that are probabilities', () => {
    expect(
      perSample(
        accuracy,
        values([
          [0.1, 0.8, 0.1],
          [0.4, 0.3, 0.3],
          [0.5, 0.4, 0.1],
        ]),
        logits,
      ),
    ).toStrictEqual([1, 1, 0]);
  });

  it('is the mean over time for a sequence, with class numbers or one-hot labels', () => {
    const sequences = values([
      [
        [1, 0],
        [0, 1],
      ],
      [
        [1, 0],
        [1, 0],
      ],
    ]);

    expect(
      perSample(
        accuracy,
        values([
          [0, 1],
          [0, 1],
        ]),
        sequences,
      ),
    ).toStrictEqual([1, 0.5]);
    expect(perSample(accuracy, sequences, sequences)).toStrictEqual([1, 1]);
  });

  it('takes the first of equal logits', () => {
    expect(
      perSample(
        accuracy,
        values([0, 1]),
        values([
          [2, 2],
          [2, 2],
        ]),
      ),
    ).toStrictEqual([1, 0]);
  });

  it('is 0 for a label that is no class', () => {
    expect(perSample(accuracy, values([-1, 0.5, NaN]), logits)).toStrictEqual([0, 0, 0]);
  });

  it('refuses predictions of one class, where it would always be 1', () => {
    expect(() => perSample(accuracy, values([[1], [0]]), values([[3], [-3]]))).toThrow(
      'accuracy: predictions must have shape [batch, …, classes] with 2 classes or more, received [2, 1]',
    );
  });

  it('refuses labels of neither shape', () => {
    expect(() => perSample(accuracy, values([[1], [0], [2]]), logits)).toThrow(
      'accuracy: labels must have shape [3, 3] for predictions of shape [3, 3], received [3, 1]',
    );
    expect(() => perSample(accuracy, values([1, 0]), logits)).toThrow(
      'accuracy: labels must have shape [3] for predictions of shape [3, 3], received [2]',
    );
  });

  it('runs the kernels that its comment states', async () => {
    const given = [tf.tensor1d([1], 'int32'), tf.tensor1d([1]), tf.tensor2d([[0, 1]])] as const;
    const x = tf.tensor2d([[1, 2]]);
    const counts = [];
    for (const labels of given) counts.push((await kernelsOf(() => accuracy(labels, x))).length);

    expect(counts).toStrictEqual([3, 5, 4]);
    tf.dispose([...given, x]);
  });

  it('works as a bare function among the metrics of a run, by one-hot labels on the host', () => {
    const model = tf.sequential({
      layers: [tf.layers.dense({ units: 2, inputShape: [2], kernelInitializer: 'identity' })],
    });
    const readings: number[] = [];
    const batch = { data: Float32Array.of(3, 1, 1, 3, 2, 1), shape: [3, 2] };
    const labels = { data: Uint8Array.of(1, 0, 0, 1, 0, 1), shape: [3, 2] };

    of({ xs: batch, ys: labels })
      .pipe(forward(model, softmaxCrossEntropy, { metrics: { accuracy } }), backward())
      .subscribe((step) => {
        readings.push(step.metrics['accuracy']!.dataSync()[0]!);
        disposeTensors([step.loss, step.metrics, step.gradients]);
      });

    expect(readings[0]).toBeCloseTo(2 / 3, 6);
    model.dispose();
  });
});

describe.each(['cpu', 'wasm'] as const)('binaryAccuracy on %s', (name) => {
  runsOn(name);

  it.each(['int32', 'float32'] as const)(
    'is 1 where the logit is above 0 exactly when the label is 1 (%s)',
    (dtype) => {
      expect(perSample(binaryAccuracy, values([1, 0, 1, 0]), values([0.1, -0.1, -5, 5]), dtype)).toStrictEqual([
        1, 1, 0, 0,
      ]);
    },
  );

  it('is the mean over the answers of a sample', () => {
    expect(
      perSample(
        binaryAccuracy,
        values([
          [1, 0],
          [1, 1],
        ]),
        values([
          [3, -2],
          [4, -4],
        ]),
      ),
    ).toStrictEqual([1, 0.5]);
  });

  it('reads a logit of 0 as no', () => {
    expect(perSample(binaryAccuracy, values([0, 1]), values([0, 0]))).toStrictEqual([1, 0]);
  });

  it('rounds labels that are between, and never finds NaN right', () => {
    expect(perSample(binaryAccuracy, values([0.9, 0.1, 0, NaN]), values([2, -2, NaN, -1]))).toStrictEqual([1, 1, 0, 0]);
  });
});

describe('meanAbsoluteError', () => {
  it('is the mean distance over the numbers of a sample', () => {
    expect(
      perSample(
        meanAbsoluteError,
        values([
          [1, 2],
          [3, 4],
        ]),
        values([
          [1, 3],
          [3, 1],
        ]),
      ),
    ).toStrictEqual([0.5, 1.5]);
  });

  it('takes one number a sample', () => {
    expect(perSample(meanAbsoluteError, values([1, -2]), values([3, -2]))).toStrictEqual([2, 0]);
  });
});

describe.each(Object.entries({ accuracy, binaryAccuracy, meanAbsoluteError }))(
  '%s keeps the contract of metrics',
  (name, metric) => {
    it('gives one float32 for each sample, and makes no tensor but that', () => {
      const given = tf.tensor2d([
        [0, 1],
        [1, 0],
      ]);
      const before = tf.memory().numTensors;
      const result = metric(given, given);

      expect(tf.memory().numTensors - before).toBe(1);
      expect(result).toMatchObject({ shape: [2], dtype: 'float32' });
      expect(given.isDisposed).toBe(false);
      given.dispose();
      expect(takeNumbers(result)).toHaveLength(2);
    });

    it('throws, with both shapes, when labels do not fit', () => {
      expect(() =>
        perSample(
          metric,
          values([[1], [2]]),
          values([
            [1, 2],
            [3, 4],
          ]),
        ),
      ).toThrow(ArgumentError);
      expect(() =>
        perSample(
          metric,
          values([[1], [2]]),
          values([
            [1, 2],
            [3, 4],
          ]),
        ),
      ).toThrow(`${name}: labels must have shape [2, 2] for predictions of shape [2, 2], received [2, 1]`);
    });
  },
);
