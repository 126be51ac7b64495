import type * as tf from '@tensorflow/tfjs';

import { registerComposed } from './composed.js';

type Inputs = { images: tf.TensorInfo; dy: tf.TensorInfo };
type Shape = [batch: number, height: number, width: number, channels: number];

/** Makes wasm's gradient of upsampling right for more than one image: the shipped kernel reads the others' from the wrong place. */
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

/** Which line of the image each line of the resized one was taken from. */
function sources(size: number, toSize: number, alignCorners: boolean): number[] {
  const aligned = alignCorners && toSize > 1;
  const scale = aligned ? (size - 1) / (toSize - 1) : size / toSize;
  return Array.from({ length: toSize }, (_, line) =>
    Math.min(size - 1, alignCorners ? Math.round(line * scale) : Math.floor(line * scale)),
  );
}
