import { PNG } from 'pngjs';
import { describe, expect, it } from 'vitest';

import { ArgumentError } from '../../src/core/errors.js';
import { pngImages } from '../../src/sinks/pngImages.js';

/** What another decoder makes of an image: its width, and red, green, blue and opacity of each pixel. */
function decoded(url: string) {
  const [head, base64] = url.split(',');
  expect(head).toBe('data:image/png;base64');
  const { width, height, data } = PNG.sync.read(Buffer.from(base64!, 'base64'));
  return { width, height, pixels: Array.from({ length: width * height }, (_, i) => [...data.subarray(4 * i, 4 * i + 4)]) }; // prettier-ignore
}

describe('pngImages', () => {
  it('makes grey of one channel, and cuts off what is darker than 0 and brighter than 1', () => {
    const data = Float32Array.of(0, 0.5, 1, -3, 2, Infinity, 0.25, 0.75, 1, 0, 0, 1);
    const [first, second] = pngImages({ data, shape: [2, 2, 3, 1] }).map(decoded);
    const grey = (...values: number[]) => values.map((value) => [value, value, value, 255]);

    expect(first).toStrictEqual({ width: 3, height: 2, pixels: grey(0, 128, 255, 0, 255, 255) });
    expect(second).toStrictEqual({ width: 3, height: 2, pixels: grey(64, 191, 255, 0, 0, 255) });
  });

  it('has red, green and blue in this order, and opacity', () => {
    const colours = Float32Array.of(1, 0.2, 0, 0, 0, 1);
    const [image] = pngImages({ data: colours, shape: [1, 2, 1, 3] }).map(decoded);
    expect(image).toStrictEqual({ width: 1, height: 2, pixels: [[255, 51, 0, 255], [0, 0, 255, 255]] }); // prettier-ignore

    const [clear] = pngImages({ data: Float32Array.of(1, 0.2, 0, 0.4), shape: [1, 1, 1, 4] }).map(decoded);
    expect(clear!.pixels).toStrictEqual([[255, 51, 0, 102]]);
    const [grey] = pngImages({ data: Float32Array.of(0.2, 0.4), shape: [1, 1, 1, 2] }).map(decoded);
    expect(grey!.pixels).toStrictEqual([[51, 51, 51, 102]]);
  });

  it('takes integers from 0 to 255 as they are', () => {
    const bytes = Uint8Array.from({ length: 256 }, (_, i) => i);
    expect(decoded(pngImages({ data: bytes, shape: [1, 16, 16, 1] })[0]!).pixels.map(([grey]) => grey)).toStrictEqual([...bytes]); // prettier-ignore
    const beyond = Int32Array.of(-5, 300, 7);
    expect(decoded(pngImages({ data: beyond, shape: [1, 1, 1, 3] })[0]!).pixels).toStrictEqual([[0, 255, 7, 255]]);
  });

  it('holds every pixel of an image that is larger than one call can take arguments', () => {
    const [height, width] = [300, 401];
    const data = Uint8Array.from({ length: height * width * 3 }, (_, i) => (i * 7919 + (i >> 8) * 31) % 256);
    const image = decoded(pngImages({ data, shape: [1, height, width, 3] })[0]!);

    expect([image.width, image.height]).toStrictEqual([width, height]);
    const rgb = image.pixels.flatMap((pixel) => pixel.slice(0, 3));
    expect(Buffer.compare(Buffer.from(rgb), Buffer.from(data))).toBe(0);
  });

  it.each([
    [[1, 2, 2], 4],
    [[1, 2, 2, 5], 20],
    [[1, 0, 2, 1], 0],
    [[1, 2, 2, 1], 5],
  ])('refuses the shape %j with %i numbers', (shape, length) => {
    expect(() => pngImages({ data: new Float32Array(length), shape })).toThrow(ArgumentError);
  });

  it('refuses NaN', () => {
    expect(() => pngImages({ data: Float32Array.of(0, NaN), shape: [1, 1, 2, 1] })).toThrow(ArgumentError);
  });
});
