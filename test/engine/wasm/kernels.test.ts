import * as tf from '@tensorflow/tfjs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { engine } from '../../../src/engine/engine.js';

beforeAll(async () => {
  await engine('wasm');
});
afterAll(async () => {
  await engine('cpu');
});

const dataHeld = () => tf.backend().numDataIds() + tf.findBackend('cpu').numDataIds();

/** What `compute` gives, and how much data it left behind. */
function measured<T>(compute: () => T): { value: T; left: number } {
  const held = dataHeld();
  const value = tf.tidy(compute as never) as T;
  return { value, left: dataHeld() - held };
}

describe('kernels of wasm that were made right', () => {
  it('clipping leaves NaN', () => {
    const { value, left } = measured(() => [...tf.clipByValue(tf.tensor1d([NaN, -2, 0.5, 2]), -1, 1).dataSync()]);
    expect([value, left]).toStrictEqual([[NaN, -1, 0.5, 1], 0]);
  });

  it('a sum of nothing is 0', () => {
    const { value } = measured(() => [tf.sum(tf.zeros([0])), tf.prod(tf.zeros([0]))].map((x) => x.dataSync()[0]));
    expect(value).toStrictEqual([0, 1]);
  });

  it('a cast to booleans gives 0 and 1', () => {
    const { value, left } = measured(() => [...tf.cast(tf.tensor1d([0, 3, -0.5]), 'bool').dataSync()]);
    expect([value, left]).toStrictEqual([[0, 1, 1], 0]);
  });

  it('a clone shares its data until both are gone', () => {
    const x = tf.tensor1d([1, 2]);
    const held = tf.backend().numDataIds();
    const clone = tf.clone(x);
    expect(tf.backend().numDataIds()).toBe(held);
    x.dispose();
    expect([...clone.dataSync()]).toStrictEqual([1, 2]);
    clone.dispose();
    expect(tf.backend().numDataIds()).toBe(held - 1);
  });

  it('a slice beyond the tensor is refused', () => {
    expect(() =>
      measured(() => tf.engine().runKernel('Slice', { x: tf.ones([2]) }, { begin: [1], size: [4] })),
    ).toThrow('begin[0] + size[0] (5) would overflow input.shape[0] (2)');
  });

  it('a convolution whose stride is longer than its filter has all its pixels', () => {
    const { value } = measured(() => [
      ...tf.conv2d(tf.ones<tf.Rank.R4>([1, 3, 5, 1]), tf.ones<tf.Rank.R4>([1, 2, 1, 1]), [3, 3], 'same').dataSync(),
    ]);
    expect(value).toStrictEqual([2, 2]);
  });

  it('a convolution without pixels is refused, not written elsewhere', () => {
    const attrs = { strides: [1, 2], pad: 0, dataFormat: 'NHWC', dilations: 1 };
    const inputs = () => ({ x: tf.ones([1, 2, 1, 1]), filter: tf.ones([4, 1, 1, 1]) });
    expect(() => measured(() => tf.engine().runKernel('Conv2D', inputs(), attrs))).toThrow('is too small for a filter');
  });
});

describe('what wasm has no code for is computed in JavaScript', () => {
  it('complex numbers and their Fourier transform', () => {
    const { value, left } = measured(() => {
      const x = tf.complex([1, 2, 3], [0, -1, 1]);
      return [...tf.real(x).dataSync(), ...tf.imag(x).dataSync(), ...tf.ifft(tf.fft(x)).dataSync()];
    });
    expect(value.slice(0, 6)).toStrictEqual([1, 2, 3, 0, -1, 1]);
    [1, 0, 2, -1, 3, 1].forEach((part, i) => expect(value[6 + i]).toBeCloseTo(part, 5));
    expect(left).toBe(0);
  });

  it('strings', () => {
    const { value, left } = measured(() => [...tf.tile(tf.tensor1d(['a', 'b']), [2]).dataSync()]);
    expect([value, left]).toStrictEqual([['a', 'b', 'a', 'b'], 0]);
  });

  it('pools of one pixel', () => {
    const { value } = measured(() => [
      ...tf.maxPool(tf.range(0, 9).reshape<tf.Tensor4D>([1, 3, 3, 1]), 1, 2, 0).dataSync(),
    ]);
    expect(value).toStrictEqual([0, 2, 6, 8]);
  });
});
