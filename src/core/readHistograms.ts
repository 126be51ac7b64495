import type * as tf from '@tensorflow/tfjs';
import { defer, from, map, type Observable } from 'rxjs';

import { histogramOf, type Histogram } from './histogram.js';
import { tensors } from './tensors.js';
import type { WeightSlot } from './weights.js';

/** Reads a vector from the device, and says of each variable's part how it is spread. The vector stays the caller's. */
export function readHistograms(
  kind: 'weights' | 'gradients',
  vector: tf.Tensor1D,
  slots: readonly WeightSlot[],
): Observable<readonly Histogram[]> {
  return defer(() => from(tensors().read(vector))).pipe(
    map((values) => {
      const numbers = values instanceof Float32Array ? values : Float32Array.from(values);
      let at = 0;
      return slots.map(({ name, size }) => histogramOf(`${kind}/${name}`, numbers.subarray(at, (at += size))));
    }),
  );
}
