import { Float16Array } from '@petamoriken/float16';

import type { HalfFormat } from '../core/collective.js';

/** Numbers of 2 bytes each. */
export interface Half {
  /** Rounds to the nearest, ties to even; what is finite stays finite. */
  readonly encode: (values: Float32Array) => Uint16Array<ArrayBuffer>;
  /** What 2 bytes stand for. */
  readonly decode: (bits: number) => number;
}

const LARGEST = 65504; // a float16

/** Each number that there is, by its bits; the library is quick at arrays only. */
let float16s: Float32Array | undefined;

const formats: Readonly<Record<HalfFormat, () => Half>> = {
  float16: () => {
    const values = (float16s ??= Float32Array.from(new Float16Array(Uint16Array.from({ length: 1 << 16 }, (_, i) => i).buffer))); // prettier-ignore
    return {
      encode: (given) => new Uint16Array(new Float16Array(given.map(withinFloat16)).buffer),
      decode: (bits) => values[bits]!,
    };
  },
  bfloat16: () => {
    const word = new Uint32Array(1);
    const value = new Float32Array(word.buffer);
    return {
      encode: (given) => Uint16Array.from(new Uint32Array(given.slice().buffer), upperHalf),
      decode: (bits) => {
        word[0] = bits << 16;
        return value[0]!;
      },
    };
  },
};

/** The format by its name. */
export function half(format: HalfFormat): Half {
  return formats[format]();
}

function withinFloat16(value: number): number {
  return Math.abs(value) === Infinity ? value : Math.max(-LARGEST, Math.min(LARGEST, value));
}

/** The 16 bits that a float32's own begin with, rounded; a NaN stays one, and the largest numbers do not become infinite. */
function upperHalf(bits: number): number {
  const [high, size] = [bits >>> 16, bits & 0x7fffffff];
  if (size > 0x7f800000) return high | 1;
  if (size >= 0x7f7f8000) return high;
  return (bits + 0x7fff + (high & 1)) >>> 16;
}
