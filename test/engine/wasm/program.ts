// Computes with two threads and ends: the process must exit by itself, and the numbers be those of one thread.
import type { Tensor, Tensor4D } from '@tensorflow/tfjs';

import { openWasm } from '../../../src/engine/wasm/wasm.js';

const threads = Number(process.argv[2]);
const { tf, about } = await openWasm({ threads });
const sums = Array.from({ length: 20 }, (_, i) =>
  tf.tidy(() => {
    const random = (shape: number[], seed: number) => tf.randomNormal(shape, 0, 1, 'float32', seed);
    const product = tf.matMul(random([200, 300], i + 1), random([300, 100], i + 2));
    const loss = (w: Tensor) => tf.sum(tf.conv2d(random([8, 20, 20, 16], 5) as Tensor4D, w as Tensor4D, 2, 'same'));
    const gradient = tf.grad(loss)(random([3, 3, 16, 32], i + 3));
    // Memory grows now and then.
    return [tf.sum(tf.abs(product)), tf.sum(tf.abs(gradient)), tf.sum(tf.ones([100_000 * i]))].map((sum) =>
      sum.dataSync()[0]!.toPrecision(4),
    );
  }),
);
console.log(`${about}: ${sums.flat().join(' ')}`);
