import { createCRC32 } from 'hash-wasm';

/** It is WebAssembly, which is made ready once. */
const crc = await createCRC32();

/** How a file begins: ':W&B', 0xBEE1 and version 0. */
export const SIGNATURE: Uint8Array = Uint8Array.of(0x3a, 0x57, 0x26, 0x42, 0xe1, 0xbe, 0);

const BLOCK = 32 * 1024;
/** Checksum, length, kind. */
const HEAD = 7;
const [WHOLE, FIRST, MIDDLE, LAST] = [1, 2, 3, 4];

/**
 * A record as it is put into a file at a place: in chunks, none of which crosses the border of a block of 32 KiB.
 *
 * @see LevelDB's "log format"; checksums here are plain CRC-32, of the kind and the data.
 */
export function chunked(data: Uint8Array, at: number): Uint8Array {
  const parts: Uint8Array[] = [];
  let [rest, end, isFirst] = [data, at, true];
  const put = (part: Uint8Array): void => {
    parts.push(part);
    end += part.length;
  };
  while (isFirst || rest.length > 0) {
    if (roomAt(end) < HEAD) put(new Uint8Array(roomAt(end)));
    const now = rest.subarray(0, roomAt(end) - HEAD);
    rest = rest.subarray(now.length);
    put(chunk(rest.length === 0 ? (isFirst ? WHOLE : LAST) : isFirst ? FIRST : MIDDLE, now));
    isFirst = false;
  }
  return Buffer.concat(parts);
}

/** The records of a file, up to the first that is cut off or not as it was written. */
export function recordsOf(file: Uint8Array): Uint8Array[] {
  const records: Uint8Array[] = [];
  let parts: Uint8Array[] = [];
  for (let at = SIGNATURE.length; ;) {
    if (roomAt(at) < HEAD) at += roomAt(at);
    if (at + HEAD > file.length) return records;
    const view = new DataView(file.buffer, file.byteOffset + at, HEAD);
    const [length, kind] = [view.getUint16(4, true), view.getUint8(6)];
    const bytes = file.subarray(at, at + HEAD + length);
    const data = bytes.subarray(HEAD);
    if (Buffer.compare(bytes, chunk(kind, data)) !== 0) return records;
    at += bytes.length;
    parts.push(data);
    if (kind === WHOLE || kind === LAST) {
      records.push(Buffer.concat(parts));
      parts = [];
    }
  }
}

function roomAt(place: number): number {
  return BLOCK - (place % BLOCK);
}

function chunk(kind: number, data: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(HEAD + data.length);
  const view = new DataView(bytes.buffer);
  view.setUint8(6, kind);
  bytes.set(data, HEAD);
  const sum = crc.init().update(bytes.subarray(6)).digest('binary');
  view.setUint32(0, new DataView(sum.buffer, sum.byteOffset).getUint32(0), true);
  view.setUint16(4, data.length, true);
  return bytes;
}
