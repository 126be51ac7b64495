import { encode } from 'fast-png';

import type { NdArray } from '../core/batch.js';
import { ArgumentError } from '../core/errors.js';

const CHUNK = 0x8000;

/**
 * Pixels as PNGs in data URLs: what an `image` event holds.
 *
 * A run's events are plain data that go through JSON, and a URL can be shown as it is.
 *
 * Floats are brightness from 0 to 1, and beyond that cut off; integers go from 0 to 255.
 *
 * **Shapes**: `[images, height, width, channels]`; 1 channel is grey, 2 grey and opacity, 3 red, green and blue, 4 those and opacity.
 *
 * @example
 * ```ts
 * declare const digits: NdArray; // [8, 28, 28, 1]
 * train(model, batches, options)
 *   .pipe(
 *     mergeMap((event): TrainingEvent[] => {
 *       const { globalStep, epoch } = event;
 *       if (event.type !== 'step' || globalStep % 100 !== 0) return [event];
 *       return [event, { type: 'image', globalStep, epoch, name: 'digits', images: pngImages(digits) }];
 *     }),
 *     tee(tensorBoard('runs/first')),
 *   )
 *   .subscribe();
 * ```
 *
 * @throws {@link ArgumentError} if the shape is no such one, or does not hold as many numbers as there are, or one is NaN.
 */
export function pngImages({ data, shape }: NdArray): string[] {
  const [count = 0, height = 0, width = 0, channels = 0] = shape;
  const size = height * width * channels;
  if (shape.length !== 4 || size === 0 || channels > 4 || count * size !== data.length)
    throw new ArgumentError(
      'pngImages: the shape must be [images, height, width, 1 to 4 channels], with as many numbers, ' +
        `received [${shape.join(', ')}] with ${data.length}`,
    );
  const scale = data instanceof Float32Array ? 255 : 1;
  return Array.from({ length: count }, (_, image) => {
    const pixels = Uint8ClampedArray.from(data.subarray(image * size, (image + 1) * size), (value) => value * scale);
    const png = encode({ width, height, channels, data: new Uint8Array(pixels.buffer) });
    return `data:image/png;base64,${base64(png)}`;
  });
}

/** In browsers, too, where there is no Buffer; in chunks, since a call takes so many arguments only. */
function base64(bytes: Uint8Array): string {
  let text = '';
  for (let at = 0; at < bytes.length; at += CHUNK) text += String.fromCharCode(...bytes.subarray(at, at + CHUNK));
  return btoa(text);
}
