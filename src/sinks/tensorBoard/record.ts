import { createCRC32 } from 'hash-wasm';

/** CRC-32C, by Castagnoli's polynomial. It is WebAssembly, which is made ready once. */
const crc = await createCRC32(0x82f63b78);

/**
 * One record of a TFRecord file: the length of `data` as eight bytes, its checksum, the data, and theirs.
 *
 * @see The format: "TFRecords format details" in TensorFlow's `tf.io` guide; checksums are masked as in LevelDB's log.
 */
export function record(data: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(data.length + 16);
  const view = new DataView(bytes.buffer);
  view.setBigUint64(0, BigInt(data.length), true);
  view.setUint32(8, maskedCrc(bytes.subarray(0, 8)), true);
  bytes.set(data, 12);
  view.setUint32(12 + data.length, maskedCrc(data), true);
  return bytes;
}

/** The records of a file, up to the first that is cut off or not as it was written; what is behind it nobody reads either. */
export function wholeRecords(file: Uint8Array): Uint8Array[] {
  const view = new DataView(file.buffer, file.byteOffset, file.length);
  const records: Uint8Array[] = [];
  for (let at = 0; at + 12 <= file.length;) {
    const end = at + Number(view.getBigUint64(at, true)) + 16;
    const bytes = file.subarray(at, end);
    if (Buffer.compare(bytes, record(dataOf(bytes))) !== 0) break;
    records.push(bytes);
    at = end;
  }
  return records;
}

/** What is in a record. */
export function dataOf(bytes: Uint8Array): Uint8Array {
  return bytes.subarray(12, -4);
}

function maskedCrc(data: Uint8Array): number {
  const sum = new DataView(crc.init().update(data).digest('binary').buffer).getUint32(0);
  return (((sum >>> 15) | (sum << 17)) + 0xa282ead8) >>> 0;
}
