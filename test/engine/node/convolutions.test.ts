import * as tf from '@tensorflow/tfjs';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { engine } from '../../../src/engine/engine.js';
import { convolution, expectAsOnCpu, expectValueAsOnCpu, pair } from '../support.js';
import { absent, INSTALLED } from './installed.js';

describe.skipIf(absent)(`convolutions and pools on node are those on cpu ${INSTALLED}`, () => {
  beforeAll(async () => {
    await engine('node');
  });
  afterAll(async () => {
    await engine('cpu');
  });

  const margins = fc.tuple(pair(0, 5), pair(0, 5));

  it('conv2d, every stride and padding (property)', () => {
    fc.assert(
      fc.property(convolution, ({ batch, size, channels: [from, to], filter, strides, pad }) =>
        expectAsOnCpu(
          (x: tf.Tensor4D, w: tf.Tensor4D) => tf.conv2d(x, w, strides, pad),
          [{ shape: [batch, ...size, from] }, { shape: [...filter, from, to] }],
        ),
      ),
    );
  });

  it('conv2d and depthwiseConv2d, with a margin of its own on each side (property)', () => {
    fc.assert(
      fc.property(convolution, margins, ({ batch, size, channels, filter, strides }, [rows, columns]) => {
        fc.pre(size[0] + rows[0] + rows[1] >= filter[0] && size[1] + columns[0] + columns[1] >= filter[1]);
        for (const convolve of [tf.conv2d, tf.depthwiseConv2d])
          expectAsOnCpu(
            (x: tf.Tensor4D, w: tf.Tensor4D) => convolve(x, w, strides, [[0, 0], rows, columns, [0, 0]]),
            [{ shape: [batch, ...size, channels[0]] }, { shape: [...filter, ...channels] }],
          );
      }),
    );
  });

  it('depthwiseConv2d, every stride and padding (property)', () => {
    fc.assert(
      fc.property(convolution, ({ batch, size, channels: [from, multiplier], filter, strides, pad }) =>
        expectAsOnCpu(
          (x: tf.Tensor4D, w: tf.Tensor4D) => tf.depthwiseConv2d(x, w, strides, pad),
          [{ shape: [batch, ...size, from] }, { shape: [...filter, from, multiplier] }],
        ),
      ),
    );
  });

  it('depthwiseConv2d with holes in the filter, fused or not (property)', () => {
    fc.assert(
      fc.property(convolution, pair(1, 3), ({ batch, size, channels: [from, multiplier], filter, pad }, holes) => {
        const margin = typeof pad === 'number' ? 'same' : pad;
        fc.pre(margin === 'same' || size.every((length, i) => length > (filter[i]! - 1) * holes[i]!));
        const inputs = [{ shape: [batch, ...size, from] }, { shape: [...filter, from, multiplier] }];
        expectValueAsOnCpu(
          (x: tf.Tensor4D, w: tf.Tensor4D) => tf.depthwiseConv2d(x, w, 1, margin, 'NHWC', holes),
          inputs,
        );
        expectValueAsOnCpu(
          (x: tf.Tensor4D, filter: tf.Tensor4D, bias: tf.Tensor1D) =>
            tf.fused.depthwiseConv2d({
              x,
              filter,
              strides: 1,
              pad: margin,
              dilations: holes,
              bias,
              activation: 'relu',
            }),
          [...inputs, { shape: [from * multiplier] }],
        );
      }),
    );
  });

  it('conv2dTranspose (property)', () => {
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

  it('conv2d with channels first, fused or not (property)', () => {
    fc.assert(
      fc.property(convolution, ({ batch, size, channels: [from, to], filter, strides, pad }) => {
        const images = [{ shape: [batch, from, ...size] }, { shape: [...filter, from, to] }];
        expectValueAsOnCpu((x: tf.Tensor4D, w: tf.Tensor4D) => tf.conv2d(x, w, strides, pad, 'NCHW'), images);
        expectValueAsOnCpu(
          (x: tf.Tensor4D, filter: tf.Tensor4D, bias: tf.Tensor1D) =>
            tf.fused.conv2d({ x, filter, strides, pad, dataFormat: 'NCHW', bias, activation: 'relu' }),
          [...images, { shape: [to] }],
        );
      }),
      { numRuns: 30 },
    );
  });

  it('conv2d with channels first: margins of its own, and a slope for each channel', () => {
    const own = [
      [0, 0],
      [0, 0],
      [1, 0],
      [2, 3],
    ] as tf.backend_util.ExplicitPadding;
    expectValueAsOnCpu(
      (x: tf.Tensor4D, w: tf.Tensor4D) => tf.conv2d(x, w, 1, own, 'NCHW'),
      [{ shape: [2, 3, 4, 5] }, { shape: [3, 4, 3, 2] }],
    );
    expectValueAsOnCpu(
      (x: tf.Tensor4D, filter: tf.Tensor4D, preluActivationWeights: tf.Tensor3D) =>
        tf.fused.conv2d({
          x,
          filter,
          strides: 1,
          pad: 0,
          dataFormat: 'NCHW',
          activation: 'prelu',
          preluActivationWeights,
        }),
      [{ shape: [1, 4, 4, 4] }, { shape: [2, 2, 4, 3] }, { shape: [3, 1, 1] }],
    );
  });

  it('the gradients of a convolution with channels first (property)', () => {
    fc.assert(
      fc.property(convolution, ({ batch, size, channels: [from, to], filter, strides, pad }) => {
        const gradients = (dataFormat: 'NHWC' | 'NCHW') => {
          const turned = (x: tf.Tensor): tf.Tensor => (dataFormat === 'NCHW' ? tf.transpose(x, [0, 3, 1, 2]) : x);
          const [x, w] = [
            tf.randomNormal([batch, ...size, from], 0, 1, 'float32', 1),
            tf.randomNormal([...filter, from, to], 0, 1, 'float32', 2),
          ] as const;
          const loss = (image: tf.Tensor, taps: tf.Tensor) =>
            tf.sum(tf.square(tf.conv2d(turned(image) as tf.Tensor4D, taps as tf.Tensor4D, strides, pad, dataFormat)));
          return tf
            .grads(loss)([x, w])
            .flatMap((gradient) => [...gradient.dataSync()]);
        };
        const [last, first] = tf.tidy(() => [gradients('NHWC'), gradients('NCHW')] as never) as [number[], number[]];
        first.forEach((value, i) => expect(value).toBeCloseTo(last[i]!, 2));
      }),
      { numRuns: 30 },
    );
  });

  it('maxPool, every stride and padding (property)', () => {
    fc.assert(
      fc.property(convolution, margins, ({ batch, size, channels: [from], filter, strides, pad }, [rows, columns]) => {
        // A window that lies in the margin has no maximum.
        fc.pre(typeof pad === 'string' || filter.every((length) => pad < length));
        const inside = ([before, after]: [number, number], axis: number) => [
          before % filter[axis]!,
          after % filter[axis]!,
        ];
        const own = [[0, 0], ...[rows, columns].map(inside), [0, 0]] as unknown as tf.backend_util.ExplicitPadding;
        fc.pre(size.every((length, axis) => length + own[1 + axis]![0] + own[1 + axis]![1] >= filter[axis]!));
        for (const padding of [pad, own])
          expectAsOnCpu(
            (x: tf.Tensor4D) => tf.maxPool(x, filter, strides, padding),
            [{ shape: [batch, ...size, from] }],
          );
      }),
    );
  });

  it('avgPool, every stride and padding by numbers (property)', () => {
    fc.assert(
      fc.property(convolution, ({ batch, size, channels: [from], filter, strides, pad }) => {
        fc.pre(pad === 'valid' || (typeof pad === 'number' && filter.every((length) => pad < length)));
        expectAsOnCpu((x: tf.Tensor4D) => tf.avgPool(x, filter, strides, pad), [{ shape: [batch, ...size, from] }]);
      }),
      { numRuns: 40 },
    );
  });

  it('sizes that are rounded up', () => {
    const image = { shape: [2, 6, 5, 2] };
    for (const [pad, rounding] of [
      [0, 'ceil'],
      [1, 'ceil'],
      [1, 'round'],
    ] as const) {
      expectValueAsOnCpu((x: tf.Tensor4D) => tf.maxPool(x, 3, 2, pad, rounding), [image]);
      expectValueAsOnCpu((x: tf.Tensor4D) => tf.avgPool(x, 3, 2, pad, rounding), [image]);
      for (const filter of [3, 1])
        expectAsOnCpu(
          (x: tf.Tensor4D, w: tf.Tensor4D) => tf.conv2d(x, w, 2, pad, 'NHWC', 1, rounding),
          [image, { shape: [filter, filter, 2, 3] }],
        );
    }
    expectValueAsOnCpu((x: tf.Tensor5D) => tf.maxPool3d(x, 2, 2, 0, 'ceil'), [{ shape: [1, 3, 5, 4, 2] }]);
  });

  it('outcomes of nothing, and windows of nothing but margin', () => {
    const image = { shape: [1, 2, 2, 3] };
    expectValueAsOnCpu(
      (x: tf.Tensor4D, w: tf.Tensor4D) => tf.conv2d(x, w, 1, 'valid'),
      [image, { shape: [3, 2, 3, 1] }],
    );
    expectValueAsOnCpu((x: tf.Tensor4D) => tf.maxPool(x, 3, 1, 'valid'), [image]);
    expectValueAsOnCpu((x: tf.Tensor5D) => tf.avgPool3d(x, [1, 1, 2], 1, 'valid'), [{ shape: [1, 1, 1, 1, 1] }]);
    for (const filter of [1, 2]) expectValueAsOnCpu((x: tf.Tensor4D) => tf.maxPool(x, filter, 2, filter), [image]);
  });

  it('an image larger than what its convolution came from', () => {
    expectValueAsOnCpu(
      (x: tf.Tensor4D, w: tf.Tensor4D) => tf.conv2dTranspose(x, w, [1, 4, 4, 2], 1, 'same'),
      [{ shape: [1, 8, 8, 3] }, { shape: [8, 8, 2, 3] }],
    );
  });
});
