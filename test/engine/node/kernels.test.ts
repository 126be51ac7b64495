import * as tf from '@tensorflow/tfjs';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';

import { engine } from '../../../src/engine/engine.js';
import { expectAsOnCpu, expectValueAsOnCpu } from '../support.js';
import { absent, INSTALLED } from './installed.js';

const dataHeld = () => tf.backend().numDataIds() + tf.findBackend('cpu').numDataIds();

/** What `compute` gives, and how much data it left behind. */
function measured<T>(compute: () => T): { value: T; left: number } {
  const held = dataHeld();
  const value = tf.tidy(compute as never) as T;
  return { value, left: dataHeld() - held };
}

/** What TensorFlow is told of an attribute, each time that it runs an operation meanwhile. */
function given(operation: string, attribute: string, compute: () => void): unknown[] {
  const execute = vi.spyOn(
    tf.backend() as unknown as { executeSingleOutput: (...call: never[]) => unknown },
    'executeSingleOutput',
  );
  compute();
  const calls = execute.mock.calls as unknown as [string, { name: string; value: unknown }[]][];
  execute.mockRestore();
  return calls
    .filter(([name]) => name === operation)
    .map(([, attributes]) => attributes.find(({ name }) => name === attribute)!.value);
}

/** A kernel's values, and that it left nothing behind. */
function valuesOf(compute: () => tf.Tensor): unknown[] {
  const { value, left } = measured(() => [...compute().dataSync()]);
  expect(left).toBe(0);
  return value;
}

describe.skipIf(absent)(`kernels of node ${INSTALLED}`, () => {
  beforeAll(async () => {
    await engine('node');
  });
  afterAll(async () => {
    await engine('cpu');
  });

  it('stay as they are when the engine is opened again', async () => {
    const kernels = () => tf.getKernelsForBackend('tensorflow').map(({ kernelFunc }) => kernelFunc);
    const before = kernels();
    await engine('cpu');
    await engine('node');
    expect(kernels()).toStrictEqual(before);
  });

  it('the sign of what is no number is 0', () => {
    expect(valuesOf(() => tf.sign(tf.tensor1d([NaN, -3, 0, Infinity])))).toStrictEqual([0, -1, 0, 1]);
    expect(valuesOf(() => tf.sign(tf.tensor1d([-7, 0, 2], 'int32')))).toStrictEqual([-1, 0, 1]);
  });

  it('draws are the same for the same seed, and others for another', () => {
    const draw = (seed?: number) => valuesOf(() => tf.multinomial(tf.zeros<tf.Rank.R1>([10]), 50, seed)).join();
    expect(draw(7)).toBe(draw(7));
    expect(new Set([draw(7), draw(8), draw(0.25), draw(), draw()]).size).toBe(5);
  });

  it('draws are as likely as they are said to be, by logarithms or by probabilities', () => {
    const likely = [0.5, 0, 0.2, 0.3];
    for (const normalized of [false, true]) {
      const given = tf.tensor1d(normalized ? likely : likely.map(Math.log));
      const draws = valuesOf(() => tf.multinomial(given, 20_000, 3, normalized)) as number[];
      given.dispose();
      likely.forEach((share, i) => expect(draws.filter((draw) => draw === i).length / 20_000).toBeCloseTo(share, 1.7));
    }
  });

  it('scattering takes a row of indices', () => {
    const row = () => tf.scatterND(tf.tensor1d([4, 1, 4], 'int32'), tf.tensor1d([1, 2, 3]), [6]);
    expect(valuesOf(row)).toStrictEqual([0, 2, 0, 0, 4, 0]);
    const column = () => tf.scatterND(tf.tensor2d([[4], [1]], [2, 1], 'int32'), tf.tensor1d([1, 2]), [6]);
    expect(valuesOf(column)).toStrictEqual([0, 2, 0, 0, 1, 0]);
  });

  it('a convolution of one channel into one column has all its pixels', () => {
    for (const strides of [
      [1, 2],
      [1, 3],
      [2, 2],
    ] as [number, number][])
      expectAsOnCpu(
        (x: tf.Tensor4D, w: tf.Tensor4D) => tf.conv2d(x, w, strides, 'same'),
        [{ shape: [2, 5, 1, 1] }, { shape: [1, 2, 1, 3] }],
      );
  });

  it.each([
    ['Conv2DBackpropFilter', (x: tf.Tensor4D, w: tf.Tensor4D) => tf.conv2d(x, w, [2, 3], 'same'), 4],
    ['DepthwiseConv2dNativeBackpropFilter', (x: tf.Tensor4D, w: tf.Tensor4D) => tf.depthwiseConv2d(x, w, 2, 'same'), 1],
  ] as const)('the gradient to a filter of one pixel strides over nothing: %s', (kernel, convolve, to) => {
    const strides = given(kernel, 'strides', () =>
      expectAsOnCpu(convolve, [{ shape: [2, 5, 7, 3] }, { shape: [1, 1, 3, to] }]),
    );
    expect(strides).toStrictEqual([[1, 1, 1, 1]]);
  });

  it('depthwise convolutions need nothing that only oneDNN has: holes in the filter, or two strides', () => {
    const inputs = [{ shape: [2, 9, 7, 3] }, { shape: [3, 2, 3, 2] }];
    const holed = (x: tf.Tensor4D, w: tf.Tensor4D) => tf.depthwiseConv2d(x, w, 1, 'same', 'NHWC', [2, 3]);
    const skewed = (x: tf.Tensor4D, w: tf.Tensor4D) => tf.depthwiseConv2d(x, w, [1, 2], 'same');
    const natively = (compute: typeof holed): unknown[] =>
      given('DepthwiseConv2dNative', 'dilations', () => expectValueAsOnCpu(compute, inputs));
    expect(natively(holed)).toStrictEqual([[1, 1, 1, 1]]);
    expect(natively(skewed)).toStrictEqual([]);
  });

  it('a convolution without pixels is refused', () => {
    const inputs = () => ({ x: tf.ones([1, 2, 1, 1]), filter: tf.ones([4, 1, 1, 1]) });
    const attrs = { strides: [1, 2], pad: 0, dataFormat: 'NHWC', dilations: 1 };
    expect(() => measured(() => tf.engine().runKernel('Conv2D', inputs(), attrs))).toThrow('too small');
  });
});

describe.skipIf(absent)(`what node passes on to the cpu engine ${INSTALLED}`, () => {
  beforeAll(async () => {
    await engine('node');
  });
  afterAll(async () => {
    await engine('cpu');
  });

  it('is right in tensors of integers', () => {
    const x = () => tf.tensor1d([-12345678, 0, 3], 'int32');
    expect(valuesOf(() => tf.round(x()))).toStrictEqual([-12345678, 0, 3]);
    expect(valuesOf(() => tf.step(x()))).toStrictEqual([0, 0, 1]);
    expect(valuesOf(() => tf.leakyRelu(tf.tensor1d([-10, 4], 'int32'), 0.5))).toStrictEqual([-5, 4]);
  });

  it('makes diagonals of booleans', () => {
    expect(valuesOf(() => tf.diag(tf.tensor1d([1, 0], 'bool')))).toStrictEqual([1, 0, 0, 0]);
  });

  it('compares strings', () => {
    const [a, b] = [
      ['a', 'c', 'b'],
      ['b', 'b', 'b'],
    ];
    expect(valuesOf(() => tf.greater(a!, b!))).toStrictEqual([0, 1, 0]);
    expect(valuesOf(() => tf.greaterEqual(a!, b!))).toStrictEqual([0, 1, 1]);
    expect(valuesOf(() => tf.less(a!, b!))).toStrictEqual([1, 0, 0]);
    expect(valuesOf(() => tf.lessEqual(a!, b!))).toStrictEqual([1, 0, 1]);
    expect(valuesOf(() => tf.string.stringSplit(['x y'], ' ')['values']!)).toStrictEqual(['x', 'y']);
  });

  it('takes NaN for NaN', () => {
    expect(valuesOf(() => tf.unique(tf.tensor1d([NaN, 1, NaN])).values)).toStrictEqual([NaN, 1]);
  });

  it('has what TensorFlow.js knows and the binding does not', () => {
    expect(valuesOf(() => tf.searchSorted([1, 3, 5], [0, 3, 9]))).toStrictEqual([0, 1, 3]);
    expect(valuesOf(() => tf.denseBincount(tf.tensor1d([1, 1, 2], 'int32'), [], 4))).toStrictEqual([0, 2, 1, 0]);
    expectValueAsOnCpu(
      (x: tf.Tensor4D): tf.Tensor => tf.image.transform(x, tf.tensor2d([[1, 0.2, 0, 0, 1, -0.5, 0, 0]])),
      [{ shape: [1, 4, 5, 2] }],
    );
  });

  it('pools in three dimensions with margins', () => {
    expectAsOnCpu((x: tf.Tensor5D) => tf.maxPool3d(x, 2, 2, 1), [{ shape: [1, 4, 5, 3, 2] }]);
    expectAsOnCpu((x: tf.Tensor5D) => tf.avgPool3d(x, 2, 2, 1), [{ shape: [1, 4, 5, 3, 2] }]);
  });

  it('refuses a letter that no factor has, and leaves the rest to TensorFlow', () => {
    const product = (equation: string) => () => valuesOf(() => tf.einsum(equation, tf.ones([2, 2]), tf.ones([2, 2])));
    expect(product('ij,jk->in')).toThrow('n not present in the input');
    expect(product('ij,jk->ik')()).toStrictEqual([2, 2, 2, 2]);
  });
});
