import type * as tf from '@tensorflow/tfjs';

import { registerComposed } from './composed.js';

type Inputs = { dy: tf.TensorInfo; input: tf.TensorInfo; output: tf.TensorInfo };

/**
 * Makes wasm's gradient of max pooling one pass over the windows.
 *
 * The shipped kernel looks for the maxima anew; they are known, and only where they stood is to be found. The first of equals gets the gradient.
 */
export function registerMaxPoolGrad(library: typeof tf): void {
  registerComposed<Inputs, tf.MaxPoolGradAttrs>(library, 'MaxPoolGrad', (inputs, { make, wasm, attrs }) => {
    const shape = inputs.input.shape as [number, number, number, number];
    const { filterSize, strides, pad, dimRoundingMode } = attrs;
    const info = library.backend_util.computePool2DInfo(shape, filterSize, strides, 1, pad, dimRoundingMode);
    const dx = make(shape);
    const [x, y, from, to] = [inputs.input, inputs.output, inputs.dy, dx].map((tensor) =>
      wasm.typedArrayFromHeap(tensor),
    ) as [Float32Array, Float32Array, Float32Array, Float32Array];
    const { inHeight, inWidth, inChannels: channels, strideHeight, strideWidth, padInfo } = info;
    to.fill(0);
    let at = 0;
    for (let batch = 0; batch < info.batchSize; batch++)
      for (let row = 0; row < info.outHeight; row++) {
        const top = row * strideHeight - padInfo.top;
        const first = Math.max(0, top);
        const rows = Math.min(inHeight, top + info.filterHeight) - first;
        for (let column = 0; column < info.outWidth; column++) {
          const left = column * strideWidth - padInfo.left;
          const start = Math.max(0, left);
          const columns = Math.min(inWidth, left + info.filterWidth) - start;
          let corner = ((batch * inHeight + first) * inWidth + start) * channels;
          for (let channel = 0; channel < channels; channel++, at++, corner++) {
            const found = position(x, y[at]!, corner, rows, columns, channels, inWidth * channels);
            if (found >= 0) to[found]! += from[at]!;
          }
        }
      }
    return dx;
  });
}

/** Where in a window a value stands, or -1. */
function position(
  x: Float32Array,
  value: number,
  corner: number,
  rows: number,
  columns: number,
  step: number,
  rowStep: number,
): number {
  for (let row = 0, start = corner; row < rows; row++, start += rowStep)
    for (let column = 0, at = start; column < columns; column++, at += step) if (x[at] === value) return at;
  return -1;
}
