import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { decodeSafetensors, encodeSafetensors } from '../../src/checkpoint/safetensors.js';
import { CheckpointError } from '../../src/core/errors.js';

const shape = fc.array(fc.nat(4), { maxLength: 3 });
const array = fc.tuple(shape, fc.boolean(), fc.infiniteStream(fc.float())).map(([sizes, float, numbers]) => {
  const count = sizes.reduce((product, size) => product * size, 1);
  const values = Array.from({ length: count }, () => numbers.next().value as number);
  return { data: float ? Float32Array.from(values) : Int32Array.from(values, (x) => Math.trunc(x) | 0), shape: sizes };
});

describe('safetensors', () => {
  it('gives back any arrays of any names (property)', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), array), (arrays) => {
        const { __metadata__: _, ...named } = arrays;
        expect(decodeSafetensors(encodeSafetensors(named))).toEqual(Object.fromEntries(Object.entries(named)));
      }),
    );
  });

  it('refuses any other bytes with a typed error (property)', () => {
    const whole = encodeSafetensors({ w: { data: Float32Array.of(1, 2, 3, 4), shape: [2, 2] } });
    const attempt = (bytes: Uint8Array): void => {
      try {
        decodeSafetensors(bytes);
      } catch (error) {
        expect(error).toBeInstanceOf(CheckpointError);
      }
    };
    fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), attempt), { numRuns: 2000 });
    fc.assert(
      fc.property(fc.nat(whole.length - 1), fc.nat(255), (at, byte) => {
        const bytes = whole.slice();
        bytes[at] = byte;
        attempt(bytes);
      }),
      { numRuns: 2000 },
    );
    expect(() => decodeSafetensors(whole.subarray(0, whole.length - 1))).toThrow('cut off');
  });

  it.each<[string, object, string]>([
    ['offsets beyond the file', { w: { dtype: 'F32', shape: [4], data_offsets: [0, 16] } }, 'cut off'],
    ['a shape of other size', { w: { dtype: 'F32', shape: [2, 2], data_offsets: [0, 4] } }, "16 bytes for 'w'"],
    [
      'sizes whose product is no number any more',
      { w: { dtype: 'F32', shape: [1e9, 1e9, 0], data_offsets: [0, 0] } },
      'sizes that can be counted',
    ],
    ['a type that is not known', { w: { dtype: 'F8', shape: [], data_offsets: [0, 1] } }, 'a description of'],
    ['negative sizes', { w: { dtype: 'F32', shape: [-1], data_offsets: [0, 4] } }, 'a description of'],
  ])('refuses %s', (_, header, message) => {
    expect(() => decodeSafetensors(fileOf(header, 0))).toThrow(message);
  });

  it('refuses gaps, overlaps, bytes that are no array, and takes any order', () => {
    const at = (begin: number, end: number) => ({
      dtype: 'F32',
      shape: [(end - begin) / 4],
      data_offsets: [begin, end],
    });
    expect(Object.keys(decodeSafetensors(fileOf({ b: at(4, 8), a: at(0, 4) }, 8)))).toStrictEqual(['a', 'b']);
    const wrong = { gap: [{ a: at(0, 4), b: at(8, 12) }, 12], overlap: [{ a: at(0, 8), b: at(4, 12) }, 12], twice: [{ a: at(0, 4), b: at(0, 4) }, 4], rest: [{ a: at(0, 4) }, 8] } as const; // prettier-ignore
    for (const [header, length] of Object.values(wrong))
      expect(() => decodeSafetensors(fileOf(header, length))).toThrow(CheckpointError);
    expect(() => decodeSafetensors(fileOf({ a: { ...at(0, 4), data_offsets: [4, 0] } }, 4))).toThrow(CheckpointError);
  });

  it('reads halves and bytes as what TensorFlow.js has', () => {
    const halves = { 0x3c00: 1, 0xc000: -2, 0x7bff: 65504, 0x0400: 2 ** -14, 0x0001: 2 ** -24, 0x8000: -0, 0x7c00: Infinity, 0xfc00: -Infinity, 0x7e01: NaN }; // prettier-ignore
    const upper = { 0x3f80: 1, 0xc000: -2, 0x7f80: Infinity, 0x0001: 2 ** -133, 0x8000: -0, 0x7fc0: NaN };
    const read = (dtype: string, values: Record<number, number>) => {
      const data = Uint16Array.from(Object.keys(values), Number);
      const header = { w: { dtype, shape: [data.length], data_offsets: [0, data.byteLength] } };
      return [...decodeSafetensors(fileOf(header, new Uint8Array(data.buffer)))['w']!.data];
    };
    expect(read('F16', halves)).toStrictEqual(Object.values(halves));
    expect(read('BF16', upper)).toStrictEqual(Object.values(upper));
    const flags = fileOf({ w: { dtype: 'BOOL', shape: [2], data_offsets: [0, 2] } }, Uint8Array.of(1, 0));
    expect(decodeSafetensors(flags)).toStrictEqual({ w: { data: Uint8Array.of(1, 0), shape: [2] } });
  });

  it('puts every array where its numbers may lie, and the header on eights', () => {
    const arrays = {
      flags: { data: Uint8Array.of(1, 0, 1), shape: [3] },
      none: { data: new Float32Array(), shape: [0, 3] },
      one: { data: Int32Array.of(7), shape: [] },
      w: { data: Float32Array.of(1, 2), shape: [2] },
    };
    const bytes = encodeSafetensors(arrays);
    const length = Number(new DataView(bytes.buffer).getBigUint64(0, true));
    const header = JSON.parse(new TextDecoder().decode(bytes.subarray(8, 8 + length))) as Record<string, { data_offsets: number[] }>; // prettier-ignore
    expect(length % 8).toBe(0);
    expect(Object.values(header).map(({ data_offsets: [begin] }) => begin)).toStrictEqual([0, 0, 4, 12]);
    expect(decodeSafetensors(bytes)).toStrictEqual(arrays);
  });

  it("reads Node's Buffers, which share their memory", () => {
    const bytes = encodeSafetensors({ w: { data: Float32Array.of(1, 2), shape: [2] } });
    expect(decodeSafetensors(Buffer.from(bytes))).toStrictEqual(decodeSafetensors(bytes));
  });

  it('writes no file that it would not read', () => {
    expect(() => encodeSafetensors({ w: { data: new Float32Array(3), shape: [2] } })).toThrow(
      "'w' must have the numbers",
    );
    expect(() => encodeSafetensors({ __metadata__: { data: new Float32Array(1), shape: [] } })).toThrow('own name');
  });
});

/** A file of a header and zeros, or other bytes. */
function fileOf(header: object, body: number | Uint8Array): Uint8Array {
  const text = new TextEncoder().encode(JSON.stringify(header));
  const rest = typeof body === 'number' ? new Uint8Array(body) : body;
  const bytes = new Uint8Array(8 + text.length + rest.length);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(text.length), true);
  bytes.set(text, 8);
  bytes.set(rest, 8 + text.length);
  return bytes;
}
