import type { Compression } from '../core/collective.js';
import { half } from './half.js';
import type { Transport } from './transport.js';

/**
 * The sum over the ranks of the buffers, each times its share, in place, with 2 bytes a number on the way; the same bits on every rank.
 *
 * Each rank sums a part of its own, in the order of ranks and with 4 bytes a number, and gives it to all: together as much traffic as half of what a ring
 * of float32 has. What either rounding takes away is kept by the rank that has rounded, and added the next time.
 */
export async function sumHalves(
  { rank, worldSize, exchange, gather }: Pick<Transport, 'rank' | 'worldSize' | 'exchange' | 'gather'>,
  buffer: Float32Array,
  share: number,
  { format, lost }: Compression,
  timeoutMs: number,
): Promise<void> {
  const { encode, values: decoded } = half(format);
  /** What is sent for the values, which become what is kept. */
  const rounded = (values: Float32Array): Uint16Array<ArrayBuffer> => {
    const bits = encode(values);
    for (let i = 0; i < values.length; i += 1) {
      const rest = values[i]! - decoded[bits[i]!]!;
      values[i] = Number.isFinite(rest) ? rest : 0; // a NaN is sent, and not kept
    }
    return bits;
  };
  const size = Math.ceil(buffer.length / worldSize);
  const padded = new Float32Array(size * worldSize);
  for (let i = 0; i < buffer.length; i += 1) padded[i] = buffer[i]! * share + lost[i]!;
  const parts = await exchange(new Uint8Array(rounded(padded).buffer), timeoutMs);

  const mine = new Float32Array(size);
  for (const part of parts.map(numbersIn)) for (let i = 0; i < size; i += 1) mine[i]! += decoded[part[i]!]!;
  const bits = rounded(mine);
  for (let i = 0; i < size; i += 1) padded[rank * size + i]! += mine[i]!;
  lost.set(padded.subarray(0, buffer.length));

  const sums = await gather(new Uint8Array(bits.buffer), timeoutMs);
  for (const [from, sum] of sums.map(numbersIn).entries()) {
    const [first, end] = [from * size, Math.min((from + 1) * size, buffer.length)];
    for (let i = first; i < end; i += 1) buffer[i] = decoded[sum[i - first]!]!;
  }
}

/** The bytes may begin anywhere. */
function numbersIn(bytes: Uint8Array): Uint16Array {
  return new Uint16Array(bytes.slice().buffer);
}
