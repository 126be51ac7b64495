import * as tf from '@tensorflow/tfjs';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { engine } from '../../../src/engine/engine.js';
import { convolution, expectAsOnCpu, expectValueAsOnCpu, pair, whole } from '../support.js';

beforeAll(async () => {
  await engine('wasm');
});
afterAll(async () => {
  await engine('cpu');
});

type Four = [number, number, number, number];

describe('gradients of convolutions on wasm are those on cpu (property)', () => {
  it('conv2d, every stride and padding', () => {
    fc.assert(
      fc.property(convolution, ({ batch, size, channels: [from, to], filter, strides, pad }) =>
        expectAsOnCpu(
          (x: tf.Tensor4D, w: tf.Tensor4D) => tf.conv2d(x, w, strides, pad),
          [{ shape: [batch, ...size, from] }, { shape: [...filter, from, to] }],
        ),
      ),
    );
  });

  it('conv2d, with a margin of its own on each side', () => {
    fc.assert(
      fc.property(convolution, fc.tuple(pair(0, 5), pair(0, 5)), (shapes, [rows, columns]) => {
        const { batch, size, channels, filter, strides } = shapes;
        fc.pre(size[0] + rows[0] + rows[1] >= filter[0] && size[1] + columns[0] + columns[1] >= filter[1]);
        expectAsOnCpu(
          (x: tf.Tensor4D, w: tf.Tensor4D) => tf.conv2d(x, w, strides, [[0, 0], rows, columns, [0, 0]]),
          [{ shape: [batch, ...size, channels[0]] }, { shape: [...filter, ...channels] }],
        );
      }),
    );
  });

  it('conv2d with channels first', () => {
    fc.assert(
      fc.property(convolution, ({ batch, size, channels: [from, to], filter, strides, pad }) =>
        expectValueAsOnCpu(
          (x: tf.Tensor4D, w: tf.Tensor4D) => tf.conv2d(x, w, strides, pad, 'NCHW'),
          [{ shape: [batch, from, ...size] }, { shape: [...filter, from, to] }],
        ),
      ),
      { numRuns: 30 },
    );
  });

  it('conv1d', () => {
    fc.assert(
      fc.property(convolution, ({ batch, size, channels: [from, to], filter, strides, pad }) => {
        fc.pre(typeof pad === 'string');
        expectAsOnCpu(
          (x: tf.Tensor3D, w: tf.Tensor3D) => tf.conv1d(x, w, strides[0], pad as 'same'),
          [{ shape: [batch, size[0], from] }, { shape: [filter[0], from, to] }],
        );
      }),
      { numRuns: 40 },
    );
  });

  it('conv2dTranspose', () => {
    fc.assert(
      fc.property(convolution, ({ batch, size, channels: [from, to], filter, strides, pad }) => {
        const info = tf.backend_util.computeConv2DInfo([batch, ...size, to], [...filter, to, from], strides, 1, pad);
        expectAsOnCpu(
          (x: tf.Tensor4D, w: tf.Tensor4D) => tf.conv2dTranspose(x, w, [batch, ...size, to], strides, pad),
          [{ shape: [batch, info.outHeight, info.outWidth, from] }, { shape: [...filter, to, from] }],
        );
      }),
    );
  });

  it('depthwiseConv2d, with several outcomes for a channel', () => {
    fc.assert(
      fc.property(convolution, ({ batch, size, channels: [from, multiplier], filter, strides, pad }) =>
        expectAsOnCpu(
          (x: tf.Tensor4D, w: tf.Tensor4D) => tf.depthwiseConv2d(x, w, strides, pad),
          [{ shape: [batch, ...size, from] }, { shape: [...filter, from, multiplier] }],
        ),
      ),
    );
  });

  it('dilated depthwise ones: they turn round what the convolution does, which tf.js cannot differentiate', () => {
    const shapes = fc.record({ batch: whole(1, 2), size: pair(3, 8), channels: pair(1, 3), filter: pair(1, 3) });
    const times = (a: tf.Tensor, b: tf.Tensor) => tf.sum(tf.mul(a, b)).dataSync()[0]!;
    fc.assert(
      fc.property(shapes, pair(1, 3), ({ batch, size, channels, filter }, dilations) => {
        const [xShape, wShape] = [[batch, ...size, channels[0]] as Four, [...filter, ...channels] as Four];
        const attrs = { strides: 1, dilations, pad: 'same', inputShape: xShape, filterShape: wShape };
        const kernel = (name: string, inputs: Record<string, tf.Tensor>) =>
          tf.engine().runKernel<tf.Tensor>(`DepthwiseConv2dNativeBackprop${name}`, inputs, attrs as never);
        const sums = tf.tidy(() => {
          const [x, w] = [tf.randomNormal(xShape, 0, 1, 'float32', 1), tf.randomNormal(wShape, 0, 1, 'float32', 2)];
          const y = tf.depthwiseConv2d(x as tf.Tensor4D, w as tf.Tensor4D, 1, 'same', 'NHWC', dilations);
          const dy = tf.randomNormal(y.shape, 0, 1, 'float32', 3);
          return [
            times(dy, y),
            times(kernel('Input', { dy, filter: w }), x),
            times(kernel('Filter', { x, dy }), w),
          ] as const;
        });
        expect(sums[1]).toBeCloseTo(sums[0], 3);
        expect(sums[2]).toBeCloseTo(sums[0], 3);
      }),
      { numRuns: 40 },
    );
  });

  it('separableConv2d', () => {
    fc.assert(
      fc.property(convolution, ({ batch, size, channels: [from, to], filter, strides, pad }) => {
        fc.pre(typeof pad === 'string');
        expectAsOnCpu(
          (x: tf.Tensor4D, depth: tf.Tensor4D, point: tf.Tensor4D) =>
            tf.separableConv2d(x, depth, point, strides, pad as 'same'),
          [{ shape: [batch, ...size, from] }, { shape: [...filter, from, 2] }, { shape: [1, 1, 2 * from, to] }],
        );
      }),
      { numRuns: 40 },
    );
  });

  it('maxPool and avgPool, every stride and padding', () => {
    fc.assert(
      fc.property(convolution, ({ batch, size, channels: [from], filter, strides, pad }) => {
        // A window that lies in the margin has neither a maximum nor a mean.
        fc.pre(typeof pad === 'string' || filter.every((length) => pad < length));
        for (const pool of [tf.maxPool, tf.avgPool])
          expectAsOnCpu(
            (x: tf.Tensor4D) => pool<tf.Tensor4D>(x, filter, strides, pad),
            [{ shape: [batch, ...size, from] }],
          );
      }),
    );
  });
});
