import type * as tf from '@tensorflow/tfjs';

/** Rows or columns to add before and after; fewer than none takes away. */
export type Margin = readonly [before: number, after: number];

/** The margins of an image with which windows fit exactly: rows, columns. */
export function needed(info: tf.backend_util.Conv2DInfo): [Margin, Margin] {
  const { top, left } = info.padInfo;
  return [
    [top, info.effectiveFilterHeight + (info.outHeight - 1) * info.strideHeight - info.inHeight - top],
    [left, info.effectiveFilterWidth + (info.outWidth - 1) * info.strideWidth - info.inWidth - left],
  ];
}
