import * as tf from '@tensorflow/tfjs';
import fc from 'fast-check';
import { expect } from 'vitest';

/** A tensor to be made on either engine: values by a formula, or as given. */
export interface Input {
  readonly shape: readonly number[];
  readonly values?: readonly number[];
  readonly dtype?: 'float32' | 'int32';
}

type Compute = (...inputs: never[]) => tf.Tensor;

/** Runs `compute` on the cpu engine, which is always there. */
function onCpu<T>(compute: () => T): T {
  const before = tf.getBackend();
  void tf.setBackend('cpu'); // at once, for a backend that is there
  try {
    return compute();
  } finally {
    void tf.setBackend(before);
  }
}

function filled({ shape, values, dtype = 'float32' }: Input, at: number): tf.Tensor {
  const size = shape.reduce((product, length) => product * length, 1);
  return tf.tensor(
    values?.slice() ?? Array.from({ length: size }, (_, i) => Math.sin(i * 1.37 + at * 0.7) + 0.1 * Math.cos(i * i)),
    [...shape],
    dtype,
  );
}

/** The value of `f` and its gradients to all inputs of floats, for a gradient of the outcome that differs everywhere. */
function valueAndGradients(f: Compute, inputs: readonly Input[]): number[][] {
  return tf.tidy(() => {
    const tensors = inputs.map(filled);
    const isFloat = (_: unknown, i: number) => inputs[i]!.dtype !== 'int32';
    const ofFloats = (...floats: tf.Tensor[]) =>
      f(...(tensors.map((tensor, i) => (isFloat(tensor, i) ? floats.shift()! : tensor)) as never[]));
    const value = ofFloats(...tensors.filter(isFloat));
    const dy = filled({ shape: value.shape }, 11);
    const gradients = tf.grads(ofFloats)(tensors.filter(isFloat), dy);
    return [value, ...gradients].map((tensor) => [...tensor.dataSync()]);
  });
}

/** The values of `f`, without gradients. */
function valueOnly(f: Compute, inputs: readonly Input[]): number[][] {
  return tf.tidy(() => [[...f(...(inputs.map(filled) as never[])).dataSync()]]);
}

/** Expects the engine in force to give what cpu gives, to 1e-4, and to leave nothing in its memory. */
export function expectAsOnCpu(f: Compute, inputs: readonly Input[], compute = valueAndGradients): void {
  const held = tf.backend().numDataIds();
  const actual = compute(f, inputs);
  expect(tf.backend().numDataIds() - held, 'data left behind').toBe(0);
  const wanted = onCpu(() => compute(f, inputs));
  expect(actual.map((values) => values.length)).toStrictEqual(wanted.map((values) => values.length));
  const worst = wanted.flatMap((values, k) =>
    values.map((value, i) =>
      Object.is(value, actual[k]![i]!) ? 0 : Math.abs(value - actual[k]![i]!) / (1 + Math.abs(value)),
    ),
  );
  expect(worst.findIndex((error) => !(error < 1e-4))).toBe(-1);
}

/** As {@link expectAsOnCpu}, without gradients. */
export function expectValueAsOnCpu(f: Compute, inputs: readonly Input[]): void {
  expectAsOnCpu(f, inputs, valueOnly);
}

/** A whole number from `min` to `max`. */
export const whole = (min: number, max: number): fc.Arbitrary<number> => fc.integer({ min, max });
/** The margin of a convolution or a pool: by name, or the same on all sides. */
const padding = (max: number): fc.Arbitrary<'same' | 'valid' | number> =>
  fc.oneof(fc.constantFrom('same' as const, 'valid' as const), whole(0, max));
/** Two of them. */
export const pair = (min: number, max: number): fc.Arbitrary<[number, number]> =>
  fc.tuple(whole(min, max), whole(min, max));
type Pair = [number, number];

interface Convolution {
  readonly batch: number;
  readonly size: Pair;
  readonly channels: Pair;
  readonly filter: Pair;
  readonly strides: Pair;
  readonly pad: 'same' | 'valid' | number;
}

const squared = <T extends { filter: Pair; strides: Pair }>(shapes: T): T => ({
  ...shapes,
  filter: [shapes.filter[0], shapes.filter[0]],
  strides: [shapes.strides[0], shapes.strides[0]],
});
/** The shapes of a convolution or a pool. */
export const convolution: fc.Arbitrary<Convolution> = fc
  .record({
    batch: whole(1, 3),
    size: pair(1, 9),
    channels: pair(1, 4),
    filter: pair(1, 4),
    strides: pair(1, 3),
    pad: padding(3),
  })
  // With a number for margin, tf.js takes the sizes along both sides from the rows' filter and stride.
  .map((shapes) => (typeof shapes.pad === 'number' ? squared(shapes) : shapes))
  .filter(
    ({ size, filter, pad }) =>
      pad === 'same' || size.every((length, i) => length + 2 * (pad === 'valid' ? 0 : pad) >= filter[i]!),
  );
