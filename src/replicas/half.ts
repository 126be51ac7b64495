import { Float16Array } from '@petamoriken/float16';

import type { HalfFormat } from '../core/collective.js';

/** Numbers of 2 bytes each. */
export interface Half {
  /** The number that each 16 bits stand for. A table, for the library is quick at whole arrays only. */
  readonly values: Float32Array;
  /** Rounds to the nearest, ties to even; what is finite stays finite. */
  readonly encode: (numbers: Float32Array) => Uint16Array<ArrayBuffer>;
}

const LARGEST = 65504; // a float16
const ALL = 1 << 16;
const made = new Map<HalfFormat, Half>();

const formats: Readonly<Record<HalfFormat, () => Half>> = {
  float16: () => ({
    values: new Float32Array(new Float16Array(Uint16Array.from({ length: ALL }, (_, bits) => bits).buffer)),
    encode: (numbers) => {
      const within = new Float32Array(numbers.length);
      for (let i = 0; i < within.length; i += 1) within[i] = withinFloat16(numbers[i]!);
      return new Uint16Array(new Float16Array(within).buffer);
    },
  }),
  bfloat16: () => ({
    values: new Float32Array(Uint32Array.from({ length: ALL }, (_, bits) => bits << 16).buffer),
    encode: (numbers) => {
      const words = new Uint32Array(numbers.slice().buffer);
      const halves = new Uint16Array(words.length);
      for (let i = 0; i < words.length; i += 1) halves[i] = upperHalf(words[i]!);
      return halves;
    },
  }),
};

/** The format by its name. */
export function half(format: HalfFormat): Half {
  const known = made.get(format) ?? formats[format]();
  made.set(format, known);
  return known;
}

function withinFloat16(value: number): number {
  return Math.abs(value) === Infinity ? value : Math.max(-LARGEST, Math.min(LARGEST, value));
}

/** The 16 bits that a float32's own begin with, rounded; a NaN stays one, and the largest numbers do not become infinite. */
function upperHalf(bits: number): number {
  const [high, size] = [bits >>> 16, bits & 0x7fffffff];
  if (size > 0x7f800000) return high | 0x40;
  if (size >= 0x7f7f8000) return high;
  return (bits + 0x7fff + (high & 1)) >>> 16;
}
