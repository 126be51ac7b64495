import * as v from 'valibot';

import type { NdArray } from '../core/batch.js';
import { CheckpointError } from '../core/errors.js';

const TYPES = { F32: Float32Array, I32: Int32Array } as const;
const length = v.pipe(v.number(), v.integer(), v.minValue(0));
const Entry = v.strictObject({
  dtype: v.picklist(['F32', 'I32']),
  shape: v.array(length),
  data_offsets: v.tuple([length, length]),
});

/**
 * Arrays by name as the bytes of a safetensors file, which Python's `safetensors` reads.
 *
 * The file is eight bytes of length, a header in JSON, and the numbers, little-endian, one array after the other.
 *
 * **Memory**: one copy of the arrays.
 *
 * @example
 * ```ts
 * const bytes = encodeSafetensors({ kernel: { data: new Float32Array(6), shape: [2, 3] } });
 * ```
 *
 * @throws {@link CheckpointError} for numbers that are neither float32 nor int32.
 * @see https://github.com/huggingface/safetensors, "Format"
 */
export function encodeSafetensors(arrays: Readonly<Record<string, NdArray>>): Uint8Array {
  let offset = 0;
  const entries = Object.entries(arrays).map(([name, { data, shape }]) => {
    if (data instanceof Uint8Array)
      throw new CheckpointError(`safetensors: '${name}' must be float32 or int32, received bytes`);
    const begin = offset;
    offset += data.byteLength;
    return [
      name,
      { dtype: data instanceof Float32Array ? 'F32' : 'I32', shape, data_offsets: [begin, offset] },
    ] as const;
  });
  const text = JSON.stringify(Object.fromEntries(entries));
  const header = new TextEncoder().encode(text);
  const padded = Math.ceil(header.length / 8) * 8; // what follows lies where numbers may lie
  const bytes = new Uint8Array(8 + padded + offset).fill(0x20, 8, 8 + padded);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(padded), true);
  bytes.set(header, 8);
  entries.forEach(
    ([
      name,
      {
        data_offsets: [begin],
      },
    ]) => {
      const { buffer, byteOffset, byteLength } = arrays[name]!.data;
      bytes.set(new Uint8Array(buffer, byteOffset, byteLength), 8 + padded + begin!);
    },
  );
  return bytes;
}

/**
 * The arrays of a safetensors file. Everything that the header says is checked before anything is allocated.
 *
 * @throws {@link CheckpointError} if the bytes are no such file, or hold other numbers than float32 and int32.
 */
export function decodeSafetensors(bytes: Uint8Array): Record<string, NdArray> {
  const fail = (what: string): never => {
    throw new CheckpointError(`safetensors: the file must hold ${what}`);
  };
  if (bytes.length < 8) fail(`a length, it has ${bytes.length} bytes`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const size = Number(view.getBigUint64(0, true));
  if (size > bytes.length - 8) fail(`a header of ${size} bytes, it has ${bytes.length} in all`);
  const start = 8 + size;
  const arrays: [string, NdArray][] = [];
  for (const [name, entry] of Object.entries(headerOf(bytes.subarray(8, start)))) {
    if (name === '__metadata__') continue;
    const parsed = v.safeParse(Entry, entry);
    if (!parsed.success) return fail(`a description of '${name}': ${parsed.issues[0].message}`);
    const { dtype, shape, data_offsets: offsets } = parsed.output;
    const count = shape.reduce((product, axis) => product * axis, 1);
    const [begin, end] = offsets;
    if (end - begin !== count * 4 || end > bytes.length - start)
      fail(`${count * 4} bytes for '${name}', its offsets are ${begin} to ${end} of ${bytes.length - start}`);
    const data = new TYPES[dtype](bytes.slice(start + begin, start + end).buffer);
    arrays.push([name, { data, shape }]);
  }
  return Object.fromEntries(arrays);
}

/** The header as it is in JSON; names such as `__proto__` are names like others. */
function headerOf(bytes: Uint8Array): object {
  let json: unknown;
  try {
    json = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch (cause) {
    throw new CheckpointError('safetensors: the header must be JSON', { cause });
  }
  if (typeof json === 'object' && json !== null && !Array.isArray(json)) return json;
  throw new CheckpointError('safetensors: the header must describe arrays');
}
