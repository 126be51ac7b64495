import * as tf from '@tensorflow/tfjs';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { engine } from '../../../src/engine/engine.js';
import { expectAsOnCpu, expectValueAsOnCpu, whole, type Input } from '../support.js';

beforeAll(async () => {
  await engine('wasm');
});
afterAll(async () => {
  await engine('cpu');
});

type Op = (x: tf.Tensor) => tf.Tensor;
const gelu: Op = (x) => tf.mul(tf.mul(x, 0.5), tf.add(tf.erf(tf.div(x, Math.SQRT2)), 1));

/** Of one tensor with a shape of [any, any, any]. */
const UNARY: Readonly<Record<string, Op>> = {
  abs: tf.abs,
  clipByValue: (x) => tf.clipByValue(x, -0.5, 0.5),
  cos: tf.cos,
  cumprod: (x) => tf.cumprod(x, 1),
  cumsum: (x) => tf.cumsum(x, 2),
  'cumsum from behind': (x) => tf.cumsum(x, 2, true, true),
  'cumsum along another axis': (x) => tf.cumsum(x, 1),
  elu: tf.elu,
  erf: tf.erf,
  exp: tf.exp,
  expandDims: (x) => tf.expandDims(x, 1),
  gelu,
  leakyRelu: (x) => tf.leakyRelu(x, 0.2),
  'log of the sum of exp': (x) => tf.logSumExp(x, 2),
  logSigmoid: tf.logSigmoid,
  logSoftmax: (x) => tf.logSoftmax(x),
  max: (x) => tf.max(x, 2),
  mean: (x) => tf.mean(x, [0, 2]),
  min: (x) => tf.min(x, 1),
  mirrorPad: (x) =>
    tf.mirrorPad(
      x,
      [
        [0, 0],
        [1, 0],
        [0, 1],
      ],
      'symmetric',
    ),
  moments: (x) => tf.moments(x, 2).variance,
  norm: (x) => tf.norm(x, 2, 2),
  pad: (x) =>
    tf.pad(x, [
      [1, 0],
      [0, 2],
      [1, 1],
    ]),
  prod: (x) => tf.prod(x, 2),
  relu: tf.relu,
  relu6: (x) => tf.relu6(tf.mul(x, 9)),
  reverse: (x) => tf.reverse(x, [0, 2]),
  rsqrt: (x) => tf.rsqrt(tf.add(tf.square(x), 1)),
  selu: tf.selu,
  sigmoid: tf.sigmoid,
  slice: (x) => tf.slice(x, [0, 0, 0], [1, -1, 1]),
  softmax: (x) => tf.softmax(x),
  softplus: tf.softplus,
  split: (x) => tf.concat(tf.split(tf.concat([x, x], 1), 2, 1), 2),
  sqrt: (x) => tf.sqrt(tf.add(tf.square(x), 1)),
  stack: (x) => tf.stack([x, tf.neg(x)], 1),
  stridedSlice: (x) => tf.stridedSlice(x, [0, 0, 0], [9, 9, 9], [2, 1, 2]),
  sum: (x) => tf.sum(x, 1),
  swish: (x) => tf.mul(x, tf.sigmoid(x)),
  tanh: tf.tanh,
  tile: (x) => tf.tile(x, [2, 1, 3]),
  transpose: (x) => tf.transpose(x, [2, 0, 1]),
};
/** tf.js has no gradient for these, on any engine. */
const WITHOUT_GRADIENT = ['cumprod', 'cumsum along another axis', 'stridedSlice'];

/** Of two tensors that broadcast. */
const BINARY: Readonly<Record<string, (a: tf.Tensor, b: tf.Tensor) => tf.Tensor>> = {
  add: tf.add,
  div: (a, b) => tf.div(a, tf.add(tf.square(b), 1)),
  mul: tf.mul,
  pow: (a, b) => tf.pow(tf.add(tf.square(a), 0.5), b),
  sub: tf.sub,
};

/** Of two tensors of one shape: their gradients do not broadcast, on any engine. */
const PAIRED: typeof BINARY = {
  maximum: tf.maximum,
  minimum: tf.minimum,
  squaredDifference: tf.squaredDifference,
  where: (a, b) => tf.where(tf.tensor3d([1, 0, 1, 1, 0, 0, 1, 0], [2, 2, 2], 'bool'), a, b),
};

describe('gradients on wasm are those on cpu (property)', () => {
  const shape = fc.tuple(whole(1, 5), whole(1, 5), whole(1, 5));

  for (const [name, op] of Object.entries(UNARY))
    it(name, () => {
      const expectSame = WITHOUT_GRADIENT.includes(name) ? expectValueAsOnCpu : expectAsOnCpu;
      fc.assert(
        fc.property(shape, (sizes) => expectSame(op as never, [{ shape: sizes }])),
        { numRuns: 10 },
      );
    });

  for (const [name, op] of Object.entries(BINARY))
    it(name, () => {
      const narrow = fc.tuple(fc.boolean(), fc.boolean(), fc.boolean());
      fc.assert(
        fc.property(shape, narrow, narrow, (sizes, a, b) => {
          const inputs = [a, b].map((ones): Input => ({ shape: sizes.map((size, axis) => (ones[axis] ? 1 : size)) }));
          expectAsOnCpu(op as never, inputs);
        }),
        { numRuns: 15 },
      );
    });

  for (const [name, op] of Object.entries(PAIRED))
    it(name, () => expectAsOnCpu(op as never, [{ shape: [2, 2, 2] }, { shape: [2, 2, 2] }]));

  it('gather, along every axis', () => {
    fc.assert(
      fc.property(shape, whole(0, 2), fc.array(whole(0, 99), { minLength: 1, maxLength: 9 }), (sizes, axis, picks) => {
        const values = picks.map((pick) => pick % sizes[axis]!);
        expectAsOnCpu(
          (x: tf.Tensor, indices: tf.Tensor1D) => tf.gather(x, indices, axis),
          [{ shape: sizes }, { shape: [values.length], values, dtype: 'int32' }],
        );
      }),
      { numRuns: 30 },
    );
  });

  it('unsortedSegmentSum, with numbers that are no segment’s', () => {
    const picks = fc.array(whole(-2, 5), { minLength: 1, maxLength: 9 });
    fc.assert(
      fc.property(whole(1, 5), picks, (size, values) => {
        const inputs: Input[] = [{ shape: [values.length, size] }, { shape: [values.length], values, dtype: 'int32' }];
        expectAsOnCpu((x: tf.Tensor, ids: tf.Tensor1D) => tf.unsortedSegmentSum(x, ids, 6), inputs);
        expectValueAsOnCpu((x: tf.Tensor, ids: tf.Tensor1D) => tf.unsortedSegmentSum(x, ids, 4), inputs);
      }),
      { numRuns: 30 },
    );
  });

  it('resizing: bilinear as on cpu, where images are square', () => {
    fc.assert(
      fc.property(whole(2, 5), whole(2, 9), whole(1, 3), fc.boolean(), (size, toSize, channels, corners) =>
        expectAsOnCpu(
          (x: tf.Tensor4D) => tf.image.resizeBilinear(x, [toSize, toSize], corners),
          [{ shape: [2, size, size, channels] }],
        ),
      ),
      { numRuns: 20 },
    );
  });

  it('resizing to neighbours: turns round what was done; cpu has it wrong for more than one image', () => {
    const shapes = fc.tuple(whole(1, 5), whole(1, 5), whole(1, 9), whole(1, 9), fc.boolean());
    fc.assert(
      fc.property(shapes, ([height, width, toHeight, toWidth, corners]) => {
        const resize = (x: tf.Tensor4D) => tf.image.resizeNearestNeighbor(x, [toHeight, toWidth], corners);
        const [forth, back] = tf.tidy(() => {
          const x = tf.randomNormal<tf.Rank.R4>([3, height, width, 2], 0, 1, 'float32', 1);
          const y = resize(x);
          const dy = tf.randomNormal(y.shape, 0, 1, 'float32', 2);
          const dx = tf.grad(resize as never)(x, dy);
          return [tf.sum(tf.mul(dy, y)).dataSync()[0]!, tf.sum(tf.mul(dx, x)).dataSync()[0]!];
        });
        expect(back).toBeCloseTo(forth, 3);
      }),
      { numRuns: 30 },
    );
  });

  it('pooling in three dimensions, batches to space, normalization of neighbours', () => {
    const pool = [2, 2, 2] as [number, number, number];
    for (const pad of ['same', 'valid'] as const) {
      expectAsOnCpu((x: tf.Tensor5D) => tf.maxPool3d(x, pool, 2, pad), [{ shape: [1, 4, 5, 4, 2] }]);
      expectAsOnCpu((x: tf.Tensor5D) => tf.avgPool3d(x, pool, 2, pad), [{ shape: [1, 4, 5, 4, 2] }]);
      expectAsOnCpu(
        (x: tf.Tensor5D, w: tf.Tensor5D) => tf.conv3d(x, w, 1, pad),
        [{ shape: [1, 4, 4, 4, 2] }, { shape: [2, 2, 2, 2, 3] }],
      );
    }
    expectAsOnCpu(
      (x: tf.Tensor4D) =>
        tf.spaceToBatchND(
          x,
          [2, 2],
          [
            [0, 0],
            [0, 0],
          ],
        ),
      [{ shape: [1, 4, 4, 2] }],
    );
    expectAsOnCpu(
      (x: tf.Tensor4D) =>
        tf.batchToSpaceND(
          x,
          [2, 2],
          [
            [0, 0],
            [0, 0],
          ],
        ),
      [{ shape: [4, 2, 2, 2] }],
    );
    expectAsOnCpu(
      (x: tf.Tensor4D, w: tf.Tensor3D) => tf.dilation2d(x, w, 1, 'same'),
      [{ shape: [2, 4, 4, 2] }, { shape: [2, 2, 2] }],
    );
    expectAsOnCpu((x: tf.Tensor4D) => tf.localResponseNormalization(x, 2), [{ shape: [2, 3, 3, 5] }]);
    expectAsOnCpu((x: tf.Tensor, a: tf.Tensor) => tf.prelu(x, a), [{ shape: [4, 3] }, { shape: [3] }]);
  });
});
