import * as tf from '@tensorflow/tfjs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { isOutOfMemory } from '../../../src/core/outOfMemory.js';
import { engine, type Engine } from '../../../src/engine/engine.js';
import { absent, INSTALLED } from './installed.js';

describe.skipIf(absent)(`isOutOfMemory on native TensorFlow ${INSTALLED}`, () => {
  let opened: Engine;
  beforeAll(async () => (opened = await engine('node')));
  afterAll(() => engine('cpu'));

  // 2^50 bytes are more than there are addresses: even a machine that promises more memory than it has refuses. TensorFlow waits 10 s for it.
  it('is true of a tensor that no machine has room for, and nothing is left behind', { timeout: 120_000 }, () => {
    const before = opened.liveHandles!();
    const failing = (work: () => tf.Tensor): unknown => {
      try {
        tf.tidy(() => void work());
      } catch (error) {
        return error;
      }
      return undefined;
    };
    const error = failing(() => tf.mul(tf.ones([2 ** 24, 1]), tf.ones([1, 2 ** 24])));
    const other = failing(() => tf.gather(tf.ones([3]), tf.tensor1d([7], 'int32')));

    expect(String(error)).toContain('OOM when allocating');
    expect(isOutOfMemory(error)).toBe(true);
    expect(other).toBeInstanceOf(Error);
    expect(isOutOfMemory(other)).toBe(false);
    expect(opened.liveHandles!()).toBe(before);
  });
});
