import * as tf from '@tensorflow/tfjs';
import fc from 'fast-check';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';

import { EngineError } from '../../src/core/errors.js';
import { bindTensors, tensors } from '../../src/core/tensors.js';
import { engine } from '../../src/engine/engine.js';

afterAll(async () => {
  await engine('cpu');
});

describe('engine', () => {
  it('gives the engine that was asked for, and its TensorFlow.js', async () => {
    for (const name of ['wasm', 'cpu'] as const) {
      const chosen = await engine(name);
      expect([chosen.name, chosen.tf.getBackend()]).toStrictEqual([name, name]);
    }
  });

  it('says what is missing, and falls back to nothing', async () => {
    await engine('cpu');
    await expect(engine('tpu' as 'cpu')).rejects.toThrow(
      "the name must be one of auto, node, webgpu, wasm, cpu, received 'tpu'",
    );
    await expect(engine('node', { device: 'gpu' })).rejects.toBeInstanceOf(EngineError);
    await expect(engine('auto', { device: 'gpu' })).rejects.toBeInstanceOf(EngineError);
    expect(tf.getBackend()).toBe('cpu');
  });

  it('takes the best there is when it is asked to choose, and says why', async () => {
    const { name, why, about } = await engine('auto');

    expect(['node', 'wasm']).toContain(name);
    expect(why).toMatch(name === 'node' ? 'the best' : /'node' must run here, but .*gradstream native install/);
    expect(about).not.toBe('');
    await engine('cpu');
  });

  it('must be chosen before anything is computed', () => {
    const own = tensors();
    bindTensors(undefined as never);
    expect(() => tensors()).toThrow("an engine must be chosen before anything is computed: `await engine('wasm')`");
    bindTensors(own);
  });
});

describe('wasm', () => {
  beforeAll(async () => {
    await engine('wasm');
  });
  afterEach(() => expect(tf.getBackend()).toBe('wasm'));

  const product = (a: number[], b: number[], n: number, k: number, m: number, batch: number) =>
    Array.from({ length: batch * n * m }, (_, at) => {
      const [q, i, j] = [Math.floor(at / (n * m)), Math.floor((at % (n * m)) / m), at % m];
      return Array.from({ length: k }, (__, l) => a[(q * n + i) * k + l]! * b[(q * k + l) * m + j]!).reduce(
        (x, y) => x + y,
        0,
      );
    });

  it('multiplies matrices, transposed or not, in batches or not, as by hand (property)', () => {
    const size = fc.integer({ min: 1, max: 5 });
    fc.assert(
      fc.property(
        size,
        size,
        size,
        fc.integer({ min: 1, max: 3 }),
        fc.boolean(),
        fc.boolean(),
        (n, k, m, batch, transposeA, transposeB) => {
          const a = Array.from({ length: batch * n * k }, (_, i) => Math.sin(i * 1.3));
          const b = Array.from({ length: batch * k * m }, (_, i) => Math.cos(i * 0.7));
          const values = tf.tidy(() => {
            const [left, right] = [tf.tensor3d(a, [batch, n, k]), tf.tensor3d(b, [batch, k, m])];
            const given = [
              transposeA ? tf.transpose(left, [0, 2, 1]) : left,
              transposeB ? tf.transpose(right, [0, 2, 1]) : right,
            ] as const;
            return [...tf.matMul(...given, transposeA, transposeB).dataSync()];
          });
          product(a, b, n, k, m, batch).forEach((value, i) => expect(values[i]).toBeCloseTo(value, 5));
        },
      ),
    );
  });

  it('cuts a vector into pieces of any size, and other tensors as before', () => {
    const pieces = tf.tidy(() =>
      tf.split(tf.tensor1d([1, 2, 3, 4, 5, 6]), [1, 3, 0, 2]).map((piece) => [...piece.dataSync()]),
    );
    const halves = tf.tidy(() =>
      tf
        .split(
          tf.tensor2d([
            [1, 2],
            [3, 4],
          ]),
          2,
          1,
        )
        .map((piece) => [...piece.dataSync()]),
    );

    expect(pieces).toStrictEqual([[1], [2, 3, 4], [], [5, 6]]);
    expect(halves).toStrictEqual([
      [1, 3],
      [2, 4],
    ]);
  });
});
