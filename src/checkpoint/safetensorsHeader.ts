import * as v from 'valibot';

import { CheckpointError } from '../core/errors.js';
import { parseJson } from './parseJson.js';
import { BYTES } from './widen.js';

const size = v.pipe(v.number(), v.safeInteger(), v.minValue(0));
const Entry = v.strictObject({
  dtype: v.picklist(Object.keys(BYTES) as (keyof typeof BYTES)[]),
  shape: v.array(size),
  data_offsets: v.tuple([size, size]),
});

/** An array of a file: what it is, and where its bytes lie behind the header. */
export interface SafetensorsEntry {
  readonly name: string;
  readonly dtype: keyof typeof BYTES;
  readonly shape: readonly number[];
  readonly begin: number;
  readonly end: number;
}

/**
 * What a safetensors file says of its arrays, in the order in which they lie in it, and where its header ends.
 *
 * @throws {@link CheckpointError} unless the arrays fill the file: without gap, without overlap, to its end.
 */
export function readEntries(bytes: Uint8Array): { entries: readonly SafetensorsEntry[]; start: number } {
  if (bytes.length < 8) return fail(`a length, it has ${bytes.length} bytes`);
  const length = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength).getBigUint64(0, true);
  if (length > bytes.length - 8) return fail(`a header of ${String(length)} bytes, it has ${bytes.length} in all`);
  const start = 8 + Number(length);
  if (bytes[8] !== 0x7b) return fail('a header that begins with {');
  const header = parseJson(bytes.subarray(8, start), 'safetensors: the header') as object;
  const entries = Object.entries(header)
    .filter(([name]) => name !== '__metadata__')
    .map(([name, entry]) => entryOf(name, entry))
    .sort((a, b) => a.begin - b.begin || a.end - b.end);
  let filled = 0;
  for (const { name, begin, end } of entries) {
    if (begin !== filled) fail(`one array after the other, '${name}' begins at ${begin} and not at ${filled}`);
    filled = end;
  }
  if (filled !== bytes.length - start)
    return fail(
      `${filled} bytes of numbers, it has ${bytes.length - start}${filled > bytes.length - start ? ': it is cut off' : ''}`,
    );
  return { entries, start };
}

function entryOf(name: string, entry: unknown): SafetensorsEntry {
  const parsed = v.safeParse(Entry, entry, { abortEarly: true });
  if (!parsed.success) return fail(`a description of '${name}': ${parsed.issues[0].message}`);
  const {
    dtype,
    shape,
    data_offsets: [begin, end],
  } = parsed.output;
  let wanted: number = BYTES[dtype];
  for (const axis of shape) {
    wanted *= axis;
    if (!Number.isSafeInteger(wanted)) fail(`sizes that can be counted, '${name}' has [${shape}]`);
  }
  if (end - begin !== wanted) fail(`${wanted} bytes for '${name}', its offsets are ${begin} to ${end}`);
  return { name, dtype, shape, begin, end };
}

function fail(what: string): never {
  throw new CheckpointError(`safetensors: the file must hold ${what}`);
}
