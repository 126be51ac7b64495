import type * as tf from '@tensorflow/tfjs';

import { registerComposed } from './composed.js';

type Attrs = { clipValueMin: number; clipValueMax: number };

/** Makes clipping on wasm leave NaN what it is; the shipped kernel makes a number of it, and a loss that is lost would look well. */
export function registerClipByValue(library: typeof tf): void {
  registerComposed<{ x: tf.TensorInfo }, Attrs>(library, 'ClipByValue', ({ x }, { make, wasm, attrs }) => {
    const { clipValueMin, clipValueMax } = attrs;
    const result = make(x.shape, x.dtype);
    const [from, to] = [wasm.typedArrayFromHeap(x), wasm.typedArrayFromHeap(result)];
    for (let i = 0; i < from.length; i++) to[i] = Math.max(clipValueMin, Math.min(clipValueMax, from[i]!));
    return result;
  });
}
