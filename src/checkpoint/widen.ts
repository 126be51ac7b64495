import type { NdArray } from '../core/batch.js';

/** The types of numbers that are read, and how many bytes each takes. */
export const BYTES = { F32: 4, I32: 4, BF16: 2, F16: 2, U8: 1, BOOL: 1 } as const;

/** The numbers of an array's own bytes, which become part of them where they can. */
export function widen(dtype: keyof typeof BYTES, bytes: Uint8Array): NdArray['data'] {
  const { buffer } = bytes;
  switch (dtype) {
    case 'F32':
      return new Float32Array(buffer);
    case 'I32':
      return new Int32Array(buffer);
    case 'BF16':
      // The upper half of a float32.
      return new Float32Array(Uint32Array.from(new Uint16Array(buffer), (half) => half << 16).buffer);
    case 'F16':
      return Float32Array.from(new Uint16Array(buffer), fromHalf);
    default:
      return bytes;
  }
}

/** IEEE 754's binary16: a sign, five bits of exponent, ten of fraction. */
function fromHalf(half: number): number {
  const sign = half & 0x8000 ? -1 : 1;
  const exponent = (half >> 10) & 0x1f;
  const fraction = (half & 0x3ff) / 1024;
  if (exponent === 0) return sign * fraction * 2 ** -14;
  if (exponent === 0x1f) return fraction === 0 ? sign * Infinity : NaN;
  return sign * (1 + fraction) * 2 ** (exponent - 15);
}
