import * as tf from '@tensorflow/tfjs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { BatchError, EngineError } from '../../src/core/errors.js';
import { isOutOfMemory, OutOfMemoryError } from '../../src/core/outOfMemory.js';
import { engine } from '../../src/engine/engine.js';

const failureOf = (work: () => unknown): unknown => {
  try {
    tf.tidy(() => void work());
  } catch (error) {
    return error;
  }
  return undefined;
};
/** So many GiB as one product of two small tensors. */
const product = (log2: number) => tf.mul(tf.ones([2 ** log2, 1]), tf.ones([1, 2 ** log2]));

describe('isOutOfMemory', () => {
  it.each([
    'Invalid TF_Status: 8\nMessage: OOM when allocating tensor with shape[131072,131072] and type float on /job:localhost/replica:0/task:0/device:GPU:0 by allocator GPU_0_bfc',
    'RESOURCE_EXHAUSTED: failed to allocate memory',
    'Array buffer allocation failed',
    'Invalid typed array length: 8589934592',
    'WebAssembly.Memory.grow(): Out of memory',
    'webgpu: the device refused an operation: Out of memory',
    'Aborted(OOM)',
  ])('knows %j', (message) => {
    expect(isOutOfMemory(new Error(message))).toBe(true);
  });

  it.each([
    'Invalid TF_Status: 3\nMessage: Incompatible shapes: [2,3] vs. [4,3]',
    'Invalid TF_Status: 81',
    'Invalid typed array length: -1',
    'Invalid array length',
    'Error in matMul: inner shapes (3) and (2) must match',
    'memory access out of bounds',
  ])('does not take %j for it', (message) => {
    expect(isOutOfMemory(new Error(message))).toBe(false);
  });

  it('looks at causes, in a circle too, and at nothing but errors', () => {
    const cause = new Error('OOM when allocating tensor');
    expect(isOutOfMemory(new BatchError('must fit the model', 1, { cause }))).toBe(true);
    expect(isOutOfMemory(new OutOfMemoryError('x'))).toBe(true);
    const circle = new EngineError('round', { cause: undefined });
    circle.cause = circle;
    expect(isOutOfMemory(circle)).toBe(false);
    expect(isOutOfMemory('out of memory')).toBe(false);
    expect(isOutOfMemory(undefined)).toBe(false);
  });

  it('knows what the cpu engine fails with', () => {
    const error = failureOf(() => product(21));
    expect(error).toBeInstanceOf(RangeError);
    expect(isOutOfMemory(error)).toBe(true);
  });
});

describe('isOutOfMemory on wasm', () => {
  type Module = { _malloc(bytes: number): number; _free(address: number): void };
  let module: Module;
  beforeAll(async () => {
    await engine('wasm');
    module = (tf.backend() as unknown as { wasm: Module }).wasm;
  });
  afterAll(() => engine('cpu'));

  it.each([15, 16, 17])(
    'is true of what needs 2^%d squared floats, which the shipped backend would write anywhere',
    (log2) => {
      const error = failureOf(() => product(log2));
      expect(error).toMatchObject({ name: 'OutOfMemoryError', message: expect.stringContaining('4 GiB') as string });
      expect(isOutOfMemory(error)).toBe(true);
      expect([...tf.tidy(() => tf.add(tf.tensor1d([1, 2, 3]), 1).dataSync())]).toStrictEqual([2, 3, 4]);
    },
  );

  it('is true of what fails when the 4 GiB are used up, in a kernel too, and the engine goes on when there is room again', () => {
    // Pages that nobody writes to take no memory of the machine.
    const held: number[] = [];
    for (let size = 2 ** 31; size >= 2 ** 20; size /= 2)
      for (;;) {
        try {
          held.push(module._malloc(size));
        } catch {
          break;
        }
      }
    const errors = [
      failureOf(() => tf.ones([2 ** 20])),
      failureOf(() => tf.transpose(tf.ones([500, 400]))),
      failureOf(() => tf.topk(tf.ones([100_000]), 100).values),
    ];
    held.forEach((address) => module._free(address));

    expect(errors.map(String)).toMatchObject(
      errors.map(() => expect.stringMatching(/out of memory|Aborted/) as string),
    );
    expect(errors.map(isOutOfMemory)).toStrictEqual([true, true, true]);
    expect(tf.tidy(() => tf.sum(tf.transpose(tf.ones([500, 400]))).dataSync()[0])).toBe(200_000);
  });
});
