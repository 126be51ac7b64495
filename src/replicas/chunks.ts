/** What of one rank's bytes goes through the shared memory at a time. */
export const CHUNK_BYTES: number = 1 << 22;

/** Bytes in pieces of at most a chunk, each with where it begins. */
export function chunks(bytes: Uint8Array): [number, Uint8Array][] {
  const count = Math.ceil(bytes.length / CHUNK_BYTES);
  return Array.from({ length: count }, (_, i) => [
    i * CHUNK_BYTES,
    bytes.subarray(i * CHUNK_BYTES, (i + 1) * CHUNK_BYTES),
  ]);
}

/** Bytes that are `parts` parts of one length, in chunks that have a piece of each part; each with where its pieces begin in their parts. */
export function* strips(bytes: Uint8Array, parts: number): Generator<[number, Uint8Array]> {
  const size = bytes.length / parts;
  const room = Math.floor(CHUNK_BYTES / parts);
  for (let from = 0; from < size; from += room) {
    const length = Math.min(room, size - from);
    const strip = new Uint8Array(length * parts);
    for (let i = 0; i < parts; i += 1) strip.set(bytes.subarray(i * size + from, i * size + from + length), i * length);
    yield [from, strip];
  }
}
