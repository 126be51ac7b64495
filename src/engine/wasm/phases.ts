import type * as tf from '@tensorflow/tfjs';

import { shaped, type Run } from './composed.js';
import { paddedBy } from './paddedBy.js';

/** Sizes along one side of the image. */
interface Side {
  readonly stride: number;
  /** Taps of each phase. */
  readonly taps: number;
  readonly margin: readonly [number, number];
  /** Where the wanted pixels begin in what the phases give, and how many there are. */
  readonly begin: number;
  readonly size: number;
}

/**
 * What undoes a strided convolution without a zero in between.
 *
 * The pixel at s·q + r of the image was met by the taps r, r + s, r + 2s … only: its gradient is that of an ordinary convolution of the outcome's
 * gradient by these taps in reverse. All s phases r are channels of one convolution, laid side by side afterwards.
 */
export interface Phases {
  readonly strides: readonly [number, number];
  /** The outcome's gradient and the padding it wants. */
  image(run: Run, dy: tf.TensorInfo): { x: tf.TensorInfo; pad: number[][] };
  /** The filter as [taps, stride, taps, stride, in, out], taps in reverse. */
  taps(run: Run, filter: tf.TensorInfo): tf.TensorInfo;
  /** The image's gradient out of [batch, rows, stride, columns, stride, channels]. */
  crop(run: Run, pixels: tf.TensorInfo): tf.TensorInfo;
}

export function phases(info: tf.backend_util.Conv2DInfo): Phases {
  const rows = side(info.strideHeight, info.filterHeight, info.padInfo.top, info.inHeight, info.outHeight);
  const columns = side(info.strideWidth, info.filterWidth, info.padInfo.left, info.inWidth, info.outWidth);
  return {
    strides: [rows.stride, columns.stride],
    image: (run, dy) => {
      const size = [info.batchSize, info.outHeight, info.outWidth, info.outChannels];
      const larger = size.some((length, axis) => length < dy.shape[axis]!); // what no pixel of the image led to
      const x = larger ? run('Slice', { x: dy }, { begin: [0, 0, 0, 0], size }) : dy;
      return paddedBy(run, x, rows.margin, columns.margin);
    },
    taps: (run, filter) => {
      const [height, width, ...channels] = filter.shape as [number, number, number, number];
      const more = [rows.taps * rows.stride - height, columns.taps * columns.stride - width] as const;
      const paddings = [
        [0, more[0]],
        [0, more[1]],
        [0, 0],
        [0, 0],
      ];
      const x = more[0] || more[1] ? run('PadV2', { x: filter }, { paddings, constantValue: 0 }) : filter;
      const split = [rows.taps, rows.stride, columns.taps, columns.stride, ...channels];
      return run('Reverse', { x: shaped(x, split) }, { dims: [0, 2] });
    },
    crop: (run, { dataId, dtype, shape }) => {
      const [batch, height, , width, , channels] = shape as [number, number, number, number, number, number];
      const x = { dataId, dtype, shape: [batch, height * rows.stride, width * columns.stride, channels] };
      const size = [batch, rows.size, columns.size, channels];
      if (size.every((length, axis) => length === x.shape[axis])) return x;
      return run('Slice', { x }, { begin: [0, rows.begin, columns.begin, 0], size });
    },
  };
}

function side(stride: number, filter: number, pad: number, size: number, outSize: number): Side {
  const taps = Math.ceil(filter / stride);
  const first = Math.floor(pad / stride);
  const count = Math.ceil((size + pad) / stride) - first;
  const before = taps - 1 - first;
  return { stride, taps, margin: [before, count + taps - 1 - before - outSize], begin: pad - first * stride, size };
}
