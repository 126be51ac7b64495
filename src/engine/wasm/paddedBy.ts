import type * as tf from '@tensorflow/tfjs';

import type { Run } from './composed.js';

/** Rows or columns to add before and after; fewer than none takes away. */
export type Margin = readonly [before: number, after: number];

/** What is left of an image when negative margins have been cut away, and the margins that Conv2D is still to add, as it wants them. */
export function paddedBy(
  run: Run,
  x: tf.TensorInfo,
  rows: Margin,
  columns: Margin,
): { x: tf.TensorInfo; pad: number[][] } {
  const cut = [[0, 0], rows, columns, [0, 0]].map(([before, after]) => [Math.max(0, -before!), Math.max(0, -after!)]);
  const pad = [[0, 0], rows, columns, [0, 0]].map(([before, after]) => [Math.max(0, before!), Math.max(0, after!)]);
  if (cut.flat().every((size) => size === 0)) return { x, pad };
  const begin = cut.map(([before]) => before!);
  const size = x.shape.map((length, axis) => length - cut[axis]![0]! - cut[axis]![1]!);
  return { x: run('Slice', { x }, { begin, size }), pad };
}
