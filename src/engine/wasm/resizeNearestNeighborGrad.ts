import type * as tf from '@tensorflow/tfjs';

import { registerComposed } from './composed.js';

type Inputs = { images: tf.TensorInfo; dy: tf.TensorInfo };
type Shape = [batch: number, height: number, width: number, channels: number];

/** Makes wasm's gradient of upsampling right for images of one row or column, whose gradient the shipped kernel loses where corners are aligned. */
export function registerResizeNearestNeighborGrad(library: typeof tf): void {
  registerComposed<Inputs, { alignCorners: boolean }>(
    library,
    'ResizeNearestNeighborGrad',
    ({ images, dy }, { make, wasm, attrs: { alignCorners } }) => {
      const [batch, height, width, channels] = images.shape as Shape;
      const [, toHeight, toWidth] = dy.shape as Shape;
      const dx = make(images.shape);
      const [from, to] = [wasm.typedArrayFromHeap(dy), wasm.typedArrayFromHeap(dx)];
      const rows = sources(height, toHeight, alignCorners);
      const columns = sources(width, toWidth, alignCorners);
      to.fill(0);
      let at = 0;
      for (let image = 0; image < batch; image++)
        for (const row of rows)
          for (const column of columns) {
            const pixel = ((image * height + row) * width + column) * channels;
            for (let channel = 0; channel < channels; channel++, at++) to[pixel + channel]! += from[at]!;
          }
      return dx;
    },
  );
}

/** Which line of the image each line of the resized one was taken from; in floats, as it was done. */
function sources(size: number, toSize: number, alignCorners: boolean): number[] {
  const aligned = alignCorners && toSize > 1;
  const scale = Math.fround(aligned ? (size - 1) / (toSize - 1) : size / toSize);
  return Array.from({ length: toSize }, (_, line) => {
    const place = Math.fround(line * scale);
    return Math.min(size - 1, alignCorners ? Math.round(place) : Math.floor(place));
  });
}
