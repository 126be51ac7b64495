import type * as tf from '@tensorflow/tfjs';

import type { Margin } from '../margins.js';
import type { Run } from './composed.js';

const NONE: Margin = [0, 0];

/** What is left of an image when negative margins have been cut away, and the margins that Conv2D is still to add, as it wants them. */
export function paddedBy(
  run: Run,
  x: tf.TensorInfo,
  rows: Margin,
  columns: Margin,
): { x: tf.TensorInfo; pad: number[][] } {
  const margins = [NONE, rows, columns, NONE];
  const pad = margins.map(([before, after]) => [Math.max(0, before), Math.max(0, after)]);
  if (margins.flat().every((margin) => margin >= 0)) return { x, pad };
  const begin = margins.map(([before]) => Math.max(0, -before));
  const size = margins.map(([, after], axis) => x.shape[axis]! - begin[axis]! - Math.max(0, -after));
  if (size.every((length) => length > 0)) return { x: run('Slice', { x }, { begin, size }), pad };
  // Nothing is left but margin.
  const shape = margins.map(([before, after], axis) => x.shape[axis]! + before + after);
  return { x: run('Fill', {}, { shape, value: 0, dtype: 'float32' }), pad: margins.map(() => [...NONE]) };
}
