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

/** Runs `compute` on an engine that is open already. */
function on<T>(backend: 'wasm' | 'cpu', compute: () => T): T {
  const before = tf.getBackend();
  void tf.setBackend(backend); // at once, for a backend that is there
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

/** Expects wasm to give what cpu gives, to 1e-4, and to leave nothing in its memory. */
export function expectAsOnCpu(f: Compute, inputs: readonly Input[], compute = valueAndGradients): void {
  const held = tf.backend().numDataIds();
  const actual = on('wasm', () => compute(f, inputs));
  expect(tf.backend().numDataIds() - held, 'data left behind').toBe(0);
  const wanted = on('cpu', () => compute(f, inputs));
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
export const padding = (max: number): fc.Arbitrary<'same' | 'valid' | number> =>
  fc.oneof(fc.constantFrom('same' as const, 'valid' as const), whole(0, max));
