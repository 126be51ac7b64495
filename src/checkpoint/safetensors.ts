import type { NdArray } from '../core/batch.js';
import { CheckpointError } from '../core/errors.js';
import { readEntries } from './safetensorsHeader.js';
import { widen } from './widen.js';

/**
 * Arrays by name as the bytes of a safetensors file, which Python's `safetensors` reads, and PyTorch through it.
 *
 * The file is eight bytes of length, a header in JSON, and the numbers, little-endian, one array after the other.
 *
 * ```text
 * Float32Array   F32
 * Int32Array     I32
 * Uint8Array     U8       behind the others, so that all lie where their numbers may lie
 * ```
 *
 * **Memory**: one copy of the arrays.
 *
 * @example
 * ```ts
 * const bytes = encodeSafetensors({ kernel: { data: new Float32Array(6), shape: [2, 3] } });
 * ```
 *
 * @throws {@link CheckpointError} for an array whose numbers do not fill its shape, and for the name `__metadata__`, which the format keeps to itself.
 * @see https://github.com/huggingface/safetensors, "Format"
 */
export function encodeSafetensors(arrays: Readonly<Record<string, NdArray>>): Uint8Array {
  const wide = ({ data }: NdArray): number => data.BYTES_PER_ELEMENT;
  const named = Object.entries(arrays).sort(([, a], [, b]) => wide(b) - wide(a));
  let offset = 0;
  const entries = named.map(([name, { data, shape }]) => {
    if (name === '__metadata__')
      throw new CheckpointError("safetensors: an array must not have the format's own name __metadata__");
    if (shape.reduce((size, axis) => size * axis, 1) !== data.length)
      throw new CheckpointError(`safetensors: '${name}' must have the numbers of [${shape}], it has ${data.length}`);
    const begin = offset;
    offset += data.byteLength;
    const dtype = data instanceof Float32Array ? 'F32' : data instanceof Int32Array ? 'I32' : 'U8';
    return [name, { dtype, shape, data_offsets: [begin, offset] }] as const;
  });
  const header = new TextEncoder().encode(JSON.stringify(Object.fromEntries(entries)));
  const padded = Math.ceil(header.length / 8) * 8; // what follows lies where numbers may lie
  const bytes = new Uint8Array(8 + padded + offset).fill(0x20, 8, 8 + padded);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(padded), true);
  bytes.set(header, 8);
  let at = 8 + padded;
  for (const [, { data }] of named) {
    bytes.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), at);
    at += data.byteLength;
  }
  return bytes;
}

/**
 * The arrays of a safetensors file.
 *
 * Everything that the header says is checked before anything is allocated, and each byte belongs to one array: a file from elsewhere cannot make a
 * process allocate more than a few times its own size.
 *
 * ```text
 * F32, BF16, F16   Float32Array     the narrow ones exactly
 * I32              Int32Array
 * U8, BOOL         Uint8Array
 * ```
 *
 * **Memory**: one copy of the arrays; twice the bytes for BF16 and F16.
 *
 * @example
 * ```ts
 * const { kernel } = decodeSafetensors(encodeSafetensors({ kernel: { data: new Float32Array(6), shape: [2, 3] } }));
 * ```
 *
 * @throws {@link CheckpointError} if the bytes are no such file, or hold other numbers.
 */
export function decodeSafetensors(bytes: Uint8Array): Record<string, NdArray> {
  const { entries, start } = readEntries(bytes);
  const arrays = entries.map(({ name, dtype, shape, begin, end }) => {
    const own = new Uint8Array(bytes.subarray(start + begin, start + end)); // a copy; slice() of Node's Buffer is none
    return [name, { data: widen(dtype, own), shape }] as const;
  });
  return Object.fromEntries(arrays);
}
