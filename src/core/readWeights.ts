import type * as tf from '@tensorflow/tfjs';
import { defer, finalize, from, map, type Observable } from 'rxjs';

import { tensors } from './tensors.js';
import { flatten } from './weights.js';

/** Reads variables from the device as one vector: an array that nobody else has. */
export function readWeights(variables: readonly tf.Tensor[]): Observable<Float32Array<ArrayBuffer>> {
  return defer(() => {
    const vector = flatten(variables);
    return from(tensors().read(vector)).pipe(
      map((values) => values as Float32Array<ArrayBuffer>),
      finalize(() => vector.dispose()),
    );
  });
}
