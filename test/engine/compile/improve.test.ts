import * as tf from '@tensorflow/tfjs';
import { describe, expect, it } from 'vitest';

import { softmaxCrossEntropy } from '../../../src/losses/softmaxCrossEntropy.js';
import { sparseSoftmaxCrossEntropy } from '../../../src/losses/sparseSoftmaxCrossEntropy.js';
import { absent, INSTALLED } from '../node/installed.js';
import { countsOf, improved, type Pass } from './improved.js';
import { onNode } from './support.js';

/** A pass, and how often ops must be run in the end. */
type Case = readonly [what: string, pass: Pass, counts: Readonly<Record<string, number>>];

/** Inputs of shape [4, 3] and variables of the shapes given, unless it is said otherwise. */
const pass = (variables: readonly (readonly number[])[], apply: Pass['apply'], more: Partial<Pass> = {}): Pass => ({
  inputs: [4, 3],
  variables,
  apply,
  ...more,
});
const square = [[3, 3]];
const full = [[4, 3]];
const dense = pass([[3, 3], [3]], (xs, w, b) => tf.add(tf.matMul(xs, w!), b!));
const scaled: Pass['apply'] = (xs, w) => tf.mul(xs, w!);
const rows = { data: Float32Array.of(1, 0, 0, 0, 1, 0, 0.5, 0.25, 0.25, 0, 0, 1), shape: [4, 3] };
const numbers = { data: Int32Array.of(0, 2, 1, 1), shape: [4] };
const times = { data: Int32Array.of(0, 2, 1, 1), shape: [2, 2] };

const gelu = (x: tf.Tensor, half = 0.5): tf.Tensor => {
  const inner = tf.mul(Math.sqrt(2 / Math.PI), tf.add(x, tf.mul(0.044715, tf.mul(x, tf.square(x)))));
  return tf.mul(tf.mul(half, x), tf.add(1, tf.tanh(inner)));
};
/** What softmaxCrossEntropy computes, but for the axis of the maximum. */
const acrossSamples: Pass['loss'] = (labels, logits) => {
  const below = tf.sub(tf.max(logits as tf.Tensor, 0, true), logits as tf.Tensor);
  const highest = tf.max(tf.softmax(logits as tf.Tensor), -1);
  return tf.sub(tf.sum(tf.mul(below, labels as tf.Tensor), -1), tf.log(highest));
};

const parted = (xs: tf.Tensor, apply: (parts: tf.Tensor[]) => tf.Tensor): tf.Tensor => apply(tf.unstack(xs));
/** A recurrent layer's way through inputs of shape [4, 3, 3]: time, the second axis, is brought to the front and taken apart. */
const steps = (apply: (parts: tf.Tensor[], w: tf.Tensor) => tf.Tensor): Pass =>
  pass(square, (xs, w) => parted(tf.transpose(xs, [1, 0, 2]), (parts) => apply(parts, w!)), {
    inputs: [4, 3, 3],
    labels: { data: new Float32Array(12), shape: [4, 3] },
  });
const recurrent = (parts: readonly tf.Tensor[], w: tf.Tensor): tf.Tensor =>
  tf.addN(parts.map((part) => tf.tanh(tf.matMul(part, w))));

const again = (apply: (h: tf.Tensor) => tf.Tensor, xs: tf.Tensor): tf.Tensor => apply(apply(apply(xs)));

const STEP = { Select: 0, IsNan: 0, Greater: 0, Fill: 0 };
const CROSS_ENTROPY = { SoftmaxCrossEntropyWithLogits: 1, Softmax: 0, Max: 0, Log: 0 };

describe.skipIf(absent)(`improve ${INSTALLED}`, () => {
  onNode();

  it.each<Case>([
    ['products of two matrices', dense, { MatMul: 2, BatchMatMulV2: 0 }],
    [
      'products of matrices in a batch of one',
      pass(square, (xs, w) => tf.reshape(tf.matMul(tf.reshape(xs, [1, 4, 3]), tf.reshape(w!, [1, 3, 3])), [4, 3])),
      { MatMul: 2, BatchMatMulV2: 0, Reshape: 2 },
    ],
    [
      'transposed products',
      pass([[3, 3]], (xs, w) => tf.transpose(tf.matMul(w!, xs, true, true))),
      { MatMul: 2, BatchMatMulV2: 0 },
    ],
    [
      'products behind each other',
      pass([[3, 5], [5, 3]], (xs, w, v) => tf.matMul(tf.matMul(xs, w!), v!)), // prettier-ignore
      { MatMul: 5, BatchMatMulV2: 0 },
    ],
    [
      'reshapes in a row',
      pass(full, (xs, w) => tf.reshape(tf.reshape(scaled(xs, w!), [2, 6]), [4, 3])),
      { Reshape: 2 },
    ],
    ['a cast to the same type', pass(full, scaled), { Cast: 0 }],
    ['a bias behind a product', dense, { BiasAdd: 1, Add: 0, BiasAddGrad: 1, Sum: 0 }],
    ['a bias before a value', pass([[3]], (xs, b) => tf.add(b!, xs)), { BiasAdd: 1, Add: 0, BiasAddGrad: 1, Sum: 0 }],
    [
      'the bias of an image',
      pass([[3]], (xs, b) => tf.add(xs, b!), { inputs: [2, 4, 4, 3] }),
      { BiasAdd: 1, Add: 0, BiasAddGrad: 1, Sum: 0 },
    ],
    [
      'a bias of many rows',
      pass([[3]], (xs, b) => tf.add(xs, b!), { inputs: [304, 3] }),
      { BiasAdd: 1, BiasAddGrad: 2, Sum: 0 },
    ],
    ['relu', pass(full, (xs, w) => tf.relu(scaled(xs, w!))), { Relu: 1, ReluGrad: 1, ...STEP }],
    [
      'relu of what is used beside it',
      pass(full, (xs, w) => tf.add(tf.relu(scaled(xs, w!)), tf.exp(scaled(xs, w!)))),
      { Relu: 1, ReluGrad: 1, Exp: 1, ...STEP },
    ],
    ['sigmoid', pass(full, (xs, w) => tf.sigmoid(scaled(xs, w!))), { Sigmoid: 1, SigmoidGrad: 1 }],
    ['tanh', pass(full, (xs, w) => tf.tanh(scaled(xs, w!))), { Tanh: 1, TanhGrad: 1 }],
    ['softmax cross-entropy', pass(full, scaled, { labels: rows, loss: softmaxCrossEntropy }), CROSS_ENTROPY],
    [
      'softmax cross-entropy by class numbers',
      pass(full, scaled, { labels: numbers, loss: sparseSoftmaxCrossEntropy }),
      CROSS_ENTROPY,
    ],
    [
      'softmax cross-entropy of a sequence',
      pass([[2, 2, 3]], scaled, { inputs: [2, 2, 3], labels: times, loss: sparseSoftmaxCrossEntropy }),
      CROSS_ENTROPY,
    ],
    [
      'products of all parts of a tensor with one matrix, and their gradients',
      steps(recurrent),
      { MatMul: 2, Unpack: 2, ConcatV2: 2, BatchMatMulV2: 0 },
    ],
    [
      'gradients of products among others',
      steps((parts, w) => tf.mul(recurrent(parts, w), tf.mean(w))),
      { MatMul: 2, ConcatV2: 2, Add: 1 },
    ],
    [
      'products of few rows that transpose one matrix again and again',
      pass([[3, 5], [5, 3]], (xs, w, v) => again((h) => tf.matMul(tf.matMul(h, w!), v!), xs)), // prettier-ignore
      { MatMul: 6 + 5 + 2, Transpose: 2, BatchMatMulV2: 0 },
    ],
    [
      'such products with a large matrix',
      pass([[4, 3], [3, 400], [400, 400], [400, 3]], (xs, w, a, b, c) => {
        return tf.matMul(again((h) => tf.matMul(h, b!), tf.matMul(scaled(xs, w!), a!)), c!);
      }), // prettier-ignore
      { MatMul: 5 + 5 + 3, Transpose: 1, BatchMatMulV2: 0 },
    ],
    ['gelu', pass(full, (xs, w) => gelu(scaled(xs, w!))), { Tanh: 0, TanhGrad: 0, Sigmoid: 1, SigmoidGrad: 1 }],
  ])('rewrites %s', (_, each, counts) => {
    const { recorded, better, off } = improved(each);
    const ops = Object.keys(counts);
    expect(countsOf(better, ops)).toEqual(counts);
    expect(countsOf(recorded, ops)).not.toEqual(counts);
    expect(off).toBeLessThan(1e-6);
  });

  it.each<Case>([
    [
      'products of some parts of a tensor with one matrix',
      steps((parts, w) => recurrent(parts.slice(1), w)),
      { MatMul: 2 + 1, Unpack: 1 },
    ],
    [
      'a sum of products of many rows',
      pass([[3, 3]], (xs, w) => tf.add(tf.tanh(tf.matMul(xs, w!)), tf.tanh(tf.matMul(tf.square(xs), w!))), {
        inputs: [300, 3],
      }),
      { MatMul: 4, ConcatV2: 0 },
    ],
    [
      'products of many rows that transpose one matrix again and again',
      pass(square, (xs, w) => again((h) => tf.matMul(h, w!), xs), { inputs: [300, 3] }),
      { MatMul: 3 + 2 + 3, Transpose: 0 },
    ],
    [
      'products of several matrices',
      pass([[2, 3, 3]], (xs, w) => tf.matMul(xs, w!), { inputs: [2, 4, 3] }),
      { MatMul: 0, BatchMatMulV2: 2 },
    ],
    [
      'the gradient of what is multiplied with a large matrix',
      pass([[4, 3], [3, 400], [400, 400], [400, 3]], (xs, w, a, b, c) => {
        return tf.matMul(tf.matMul(tf.matMul(scaled(xs, w!), a!), b!), c!);
      }), // prettier-ignore
      { MatMul: 8, BatchMatMulV2: 1 },
    ],
    ['a cast to another type', pass(full, (xs, w) => tf.mul(w!, tf.cast(tf.greater(xs, 0), 'float32'))), { Cast: 1 }],
    ['a sum with a column', pass([[4, 1]], (xs, w) => tf.add(xs, w!)), { BiasAdd: 0, Add: 1, BiasAddGrad: 0, Sum: 1 }],
    ['a sum with a row', pass([[1, 3]], (xs, w) => tf.add(xs, w!)), { BiasAdd: 0, Add: 1 }],
    [
      'a sum of a column and a row',
      pass([[4, 1], [3]], (xs, w, v) => tf.mul(xs, tf.add(w!, v!))),
      { BiasAdd: 0, Add: 1 },
    ],
    ['a sum with a number', pass([[]], (xs, w) => tf.add(xs, w!)), { BiasAdd: 0, Add: 1, BiasAddGrad: 0, Sum: 1 }],
    [
      'a sum over many rows that do not go into eight parts',
      pass([[3]], (xs, b) => tf.add(xs, b!), { inputs: [300, 3] }),
      { BiasAdd: 1, BiasAddGrad: 0, Sum: 1 },
    ],
    [
      'a sum over more rows than two rounds can add up',
      pass([[3]], (xs, b) => tf.add(xs, b!), { inputs: [2056, 3] }),
      { BiasAdd: 1, BiasAddGrad: 0, Sum: 1 },
    ],
    [
      'a sum over the first axis of three',
      pass([[2, 3]], (xs, w) => tf.add(xs, w!), { inputs: [4, 2, 3] }),
      { BiasAdd: 0, BiasAddGrad: 0, Sum: 1 },
    ],
    [
      'a step that is not 0 below 0',
      pass(full, (xs, w) => tf.mul(tf.relu(xs), tf.mul(w!, tf.step(xs, 0.25)))),
      { ReluGrad: 0, Select: 2 },
    ],
    ['a step without relu', pass(full, (xs, w) => tf.mul(w!, tf.step(xs))), { ReluGrad: 0, Select: 2 }],
    [
      'a step that is spread, but in its gradient',
      pass([[3]], (xs, w) => tf.mul(tf.relu(xs), tf.mul(w!, tf.step(xs)))),
      { ReluGrad: 1, Select: 2 },
    ],
    [
      'y · (2 − y) and 2 − y²',
      pass(full, (xs, w) => tf.mul(tf.mul(w!, tf.mul(xs, tf.sub(2, xs))), tf.sub(2, tf.square(xs)))),
      { SigmoidGrad: 0, TanhGrad: 0 },
    ],
    [
      'y · (1 − y) and 1 − y² that are spread',
      pass([[3]], (xs, w) => tf.mul(tf.mul(xs, tf.mul(w!, tf.sub(1, w!))), tf.sub(1, tf.square(w!)))),
      { SigmoidGrad: 0, TanhGrad: 0 },
    ],
    [
      'a softmax for something else',
      pass(full, (xs, w) => tf.softmax(scaled(xs, w!))),
      { Softmax: 1, SoftmaxCrossEntropyWithLogits: 0 },
    ],
    [
      'a cross-entropy along another axis',
      pass(full, scaled, { labels: rows, loss: acrossSamples }),
      { Softmax: 1, SoftmaxCrossEntropyWithLogits: 0 },
    ],
    ['what is not quite gelu', pass(full, (xs, w) => gelu(scaled(xs, w!), 0.4)), { Tanh: 1, TanhGrad: 1, Sigmoid: 0 }],
  ])('leaves %s as it is', (_, each, counts) => {
    const { better, off } = improved(each);
    expect(countsOf(better, Object.keys(counts))).toEqual(counts);
    expect(off).toBeLessThan(1e-6);
  });

  it('keeps what is used beside the pattern', () => {
    const both: Pass['loss'] = (labels, logits) =>
      tf.add(softmaxCrossEntropy(labels, logits), tf.mean(tf.square(tf.softmax(logits as tf.Tensor)), -1));
    const { better, off } = improved(pass(full, scaled, { labels: rows, loss: both }));
    expect(countsOf(better, ['SoftmaxCrossEntropyWithLogits', 'Softmax'])).toEqual({
      SoftmaxCrossEntropyWithLogits: 1,
      Softmax: 1,
    });
    expect(off).toBeLessThan(1e-6);
  });

  it('leaves out what nothing uses', () => {
    const { recorded, better } = improved(pass(full, (xs, w) => (tf.exp(xs), scaled(xs, w!))));
    expect([recorded, better].map((program) => countsOf(program, ['Exp']))).toEqual([{ Exp: 1 }, { Exp: 0 }]);
    const used = new Set(better.nodes.flatMap(({ input }) => input));
    expect(better.hosts.filter(({ name }) => !used.has(name))).toEqual([]);
  });
});
