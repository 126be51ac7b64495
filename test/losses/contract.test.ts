import * as tf from '@tensorflow/tfjs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { ArgumentError } from '../../src/core/errors.js';
import type { LossFunction } from '../../src/core/loss.js';
import * as losses from '../../src/losses/index.js';
import { apart, gradientOf, kernelsOf, perSample, takeNumbers, toTensor, values, type Values } from './support.js';

interface Case {
  readonly loss: LossFunction;
  readonly labels: Values;
  readonly predictions: Values;
}

const logits = values([
  [0.5, -1, 2],
  [1, 3, -2],
]);
const targets = values([
  [0.2, 0.3, 0.5],
  [0, 1, 0],
]);

/** Every loss, with labels and predictions of two samples that are far from where its slope jumps. */
const cases: Record<keyof typeof losses, Case> = {
  huber: { loss: losses.huber(0.8), labels: targets, predictions: logits },
  mae: { loss: losses.mae, labels: targets, predictions: logits },
  mse: { loss: losses.mse, labels: targets, predictions: logits },
  sigmoidCrossEntropy: { loss: losses.sigmoidCrossEntropy, labels: targets, predictions: logits },
  softmaxCrossEntropy: { loss: losses.softmaxCrossEntropy, labels: targets, predictions: logits },
  sparseSoftmaxCrossEntropy: { loss: losses.sparseSoftmaxCrossEntropy, labels: values([2, 0]), predictions: logits },
};

describe.each(Object.entries(cases))('%s keeps the contract of losses', (name, { loss, labels, predictions }) => {
  it('gives one float32 for each sample, and makes no tensor but that', () => {
    const given = [toTensor(labels), toTensor(predictions)] as const;
    const before = tf.memory().numTensors;
    const result = loss(...given);

    expect(tf.memory().numTensors - before).toBe(1);
    expect(result).toMatchObject({ shape: [2], dtype: 'float32' });
    expect(given.some(({ isDisposed }) => isDisposed)).toBe(false);
    tf.dispose([result, ...given]);
  });

  it('judges each sample by itself', () => {
    const both = perSample(loss, labels, predictions);
    const apiece = [0, 1].flatMap((i) => perSample(loss, sampleOf(labels, i), sampleOf(predictions, i)));

    expect(apart(apiece, both)).toBeLessThan(1e-6);
  });

  it('has the gradient that finite differences give', () => {
    const weights = [1, -2];
    const total = (data: number[]): number =>
      perSample(loss, labels, { ...predictions, data }).reduce((sum, value, i) => sum + value * weights[i]!, 0);
    const step = 1e-2;
    const slopes = predictions.data.map((_, i) => {
      const moved = (by: number): number[] => predictions.data.map((value, j) => (i === j ? value + by : value));
      return (total(moved(step)) - total(moved(-step))) / (2 * step);
    });

    expect(apart(gradientOf(loss, labels, predictions, weights), slopes)).toBeLessThan(1e-3);
  });

  it('flows through what made the predictions, also out of an inner tidy whose labels are gone by then', () => {
    const weight = tf.tidy(() => tf.variable(tf.scalar(2), true, 'weight'));
    const { value, grads } = tf.variableGrads(
      () => tf.tidy(() => tf.mean<tf.Scalar>(loss(toTensor(labels), tf.mul(toTensor(predictions), weight)))),
      [weight],
    );
    const doubled = { ...predictions, data: predictions.data.map((x) => 2 * x) };
    const mean = gradientOf(loss, labels, doubled, [0.5, 0.5]);
    const expected = mean.reduce((sum, slope, i) => sum + slope * predictions.data[i]!, 0);

    expect(takeNumbers(grads['weight']!)[0]).toBeCloseTo(expected, 5);
    tf.dispose([value, weight]);
  });

  it('is NaN for the sample that has NaN predictions, and for no other', () => {
    const broken = { ...predictions, data: [NaN, ...predictions.data.slice(1)] };
    const [first, second] = perSample(loss, labels, broken);

    expect(first).toBeNaN();
    expect(second).toBe(perSample(loss, labels, predictions)[1]);
  });

  it('casts labels that it does not take as they are, once', async () => {
    const [fits, other] = name.startsWith('sparse') ? (['int32', 'float32'] as const) : (['float32', 'int32'] as const);
    const kernels = async (dtype: 'float32' | 'int32'): Promise<number> => {
      const given = [toTensor(labels, dtype), toTensor(predictions)] as const;
      const names = await kernelsOf(() => loss(...given));
      tf.dispose([...given]);
      return names.length;
    };

    expect((await kernels(other)) - (await kernels(fits))).toBe(name.startsWith('sparse') ? 2 : 1);
  });

  it('throws, with both shapes and without leaving a tensor, when labels do not fit', () => {
    const given = [tf.zeros([2, 1]), toTensor(predictions)] as const;

    expect(() => loss(...given)).toThrow(ArgumentError);
    expect(() => loss(...given)).toThrow(/predictions of shape \[2, 3\], received \[2, 1\]/);
    tf.dispose([...given]);
  });

  it('throws when the predictions have no axis of samples', () => {
    const one = tf.scalar(1);

    expect(() => loss(one, one)).toThrow(/predictions must have .*, received \[\]/);
    one.dispose();
  });

  it('finds nothing wrong with labels that fit, and says both shapes of those that do not', () => {
    const host = { ...labels, data: Float32Array.from(labels.data) };

    expect(loss.checkLabels!(host, predictions.shape)).toBeUndefined();
    expect(loss.checkLabels!({ data: new Float32Array(2), shape: [2, 1] }, [2, 3])).toMatch(
      /^labels must have shape \[2(, 3)?\] for predictions of shape \[2, 3\], received \[2, 1\]$/,
    );
  });
});

it('covers every loss there is', () => {
  expect(Object.keys(cases).sort()).toStrictEqual(Object.keys(losses).sort());
});

describe('losses among each other', () => {
  // Sixteenths up to 16 are exact in float32, and so are their differences.
  const sixteenth = fc.integer({ min: -256, max: 256 }).map((n) => n / 16);
  const rows = (samples: number, of: fc.Arbitrary<number>, columns = 3): fc.Arbitrary<Values> =>
    fc
      .array(of, { minLength: samples * columns, maxLength: samples * columns })
      .map((data) => ({ shape: [samples, columns], data }));

  it('half of mse is huber with a delta that no error reaches, and delta times mae is above every huber', () => {
    fc.assert(
      fc.property(rows(2, sixteenth), rows(2, sixteenth), fc.constantFrom(0.5, 1, 2), (labels, predictions, delta) => {
        const half = perSample(losses.mse, labels, predictions).map((value) => value / 2);
        const bound = perSample(losses.mae, labels, predictions).map((value) => value * delta);
        const clipped = perSample(losses.huber(delta), labels, predictions);

        expect(apart(perSample(losses.huber(100), labels, predictions), half)).toBeLessThan(1e-3);
        expect(clipped.every((value, i) => value <= bound[i]! + 1e-4 && value <= half[i]! + 1e-4)).toBe(true);
      }),
    );
  });

  it('sigmoid cross-entropy of a logit is softmax cross-entropy of the logit and 0', () => {
    fc.assert(
      fc.property(sixteenth, fc.integer({ min: 0, max: 8 }), (logit, eighths) => {
        const yes = eighths / 8;
        const sigmoid = perSample(losses.sigmoidCrossEntropy, values([[yes]]), values([[logit]]));
        const softmax = perSample(losses.softmaxCrossEntropy, values([[yes, 1 - yes]]), values([[logit, 0]]));

        expect(apart(sigmoid, softmax)).toBeLessThan(1e-5);
      }),
    );
  });
});

function sampleOf({ shape: [samples = 1, ...rest], data }: Values, i: number): Values {
  const size = data.length / samples;
  return { shape: [1, ...rest], data: data.slice(i * size, (i + 1) * size) };
}
