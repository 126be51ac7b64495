import type * as tf from '@tensorflow/tfjs';

import type { NdArray } from '../../core/batch.js';
import type { WeightSlot } from '../../core/weights.js';
import type { Backend } from './backend.js';
import { FLOAT } from './graph.js';
import type { Program } from './program.js';

/** A pass that computes nothing: it is fed gradients, one for each weight, and a loss that have been computed elsewhere. */
export function gradientProgram(slots: readonly WeightSlot[]): Program {
  return {
    feeds: [...slots.map(({ shape }) => ({ dtype: FLOAT, shape })), { dtype: FLOAT, shape: [] }],
    nodes: [],
    hosts: [],
    loss: `feed${slots.length}`,
    metrics: [],
    gradients: slots.map((_, i) => `feed${i}`),
    assigned: [],
    random: false,
  };
}

/** What it is fed of a vector: parts of it on the host, where gradients that have been reduced are and cutting costs nothing. */
export function gradientFeeds(library: typeof tf, { dataId }: tf.Tensor1D, slots: readonly WeightSlot[]): NdArray[] {
  const values = (library.backend() as unknown as Backend).readSync(dataId) as Float32Array;
  let end = 0;
  return slots.map(({ size, shape }) => ({ data: values.subarray(end, (end += size)), shape }));
}
