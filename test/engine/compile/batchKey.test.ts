import * as tf from '@tensorflow/tfjs';
import { expect, it } from 'vitest';

import type { Batch, BatchValues } from '../../../src/core/batch.js';
import { keyOf, keyReader } from '../../../src/engine/compile/batchKey.js';

const floats = (...shape: number[]) => ({ data: new Float32Array(shape.reduce((a, b) => a * b, 1)), shape });
const bytes = (...shape: number[]) => ({ data: new Uint8Array(shape.reduce((a, b) => a * b, 1)), shape });

it('reads the key of each batch, whatever came before it', () => {
  tf.tidy(() => {
    const values: BatchValues[] = [floats(2, 3), floats(2, 4), floats(2, 3, 1), floats(2), bytes(2, 3), tf.zeros([2, 3]), [floats(2, 3)], { a: floats(2, 3), b: floats(2) }, { b: floats(2), a: floats(2, 3) }]; // prettier-ignore
    const weights = [{}, { weight: 2 }, { weight: [1, 0] }];
    const batches = values.flatMap((xs) => values.flatMap((ys) => weights.map((weight): Batch => ({ xs, ys, ...weight })))); // prettier-ignore

    const wrong = batches.flatMap((before) =>
      batches.filter((batch) => {
        const read = keyReader();
        return read(before) !== keyOf(before) || read(batch) !== keyOf(batch) || read(batch) !== keyOf(batch);
      }),
    );
    expect(wrong).toStrictEqual([]);
    expect(new Set(batches.map(keyOf)).size).toBe((values.length - 1) ** 2 * 2); // a tensor and an array are alike, a weight and none too
  });
});

it('reads the key of a batch whose shape is that of the one before, changed in place', () => {
  const [read, shape] = [keyReader(), [2, 3]];
  const batchOf = (): Batch => ({ xs: { data: new Float32Array(6), shape }, ys: floats(2) });
  const before = read(batchOf());
  shape.splice(0, 2, 3, 2);

  expect(read(batchOf())).not.toBe(before);
});
