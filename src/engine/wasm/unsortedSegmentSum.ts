import type * as tf from '@tensorflow/tfjs';

import { registerComposed } from './composed.js';

type Inputs = { x: tf.TensorInfo; segmentIds: tf.TensorInfo };

/**
 * Gives wasm sums of rows by number, which is the gradient of gather and so of every embedding.
 *
 * In one pass over the rows; rows whose number is none of the segments' are left out.
 */
export function registerUnsortedSegmentSum(library: typeof tf): void {
  registerComposed<Inputs, { numSegments: number }>(
    library,
    'UnsortedSegmentSum',
    ({ x, segmentIds }, { make, wasm, attrs: { numSegments } }) => {
      const result = make([numSegments, ...x.shape.slice(1)], x.dtype);
      const [from, ids, to] = [x, segmentIds, result].map((tensor) => wasm.typedArrayFromHeap(tensor)) as [
        Float32Array,
        Int32Array,
        Float32Array,
      ];
      // Numbers of more than one axis: the sum is over the first, and the others stay.
      const others = segmentIds.shape.slice(1).reduce((product, length) => product * length, 1);
      const size = ids.length ? from.length / ids.length : 0;
      to.fill(0);
      for (let i = 0; i < ids.length; i++) {
        const id = ids[i]!;
        if (id < 0 || id >= numSegments) continue;
        const [start, end] = [(id * others + (i % others)) * size, i * size];
        for (let j = 0; j < size; j++) to[start + j]! += from[end + j]!;
      }
      return result;
    },
  );
}
