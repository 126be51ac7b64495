import type * as tf from '@tensorflow/tfjs';
import { firstValueFrom, from } from 'rxjs';

import { disposeTensors, type NdArray } from './batch.js';
import { CheckpointError } from './errors.js';
import type { Checkpoint, Held, RunSnapshot } from './snapshot.js';
import { tensors } from './tensors.js';
import { versions } from './versions.js';

/** Brings a snapshot to the host, where it is plain data; its tensors are disposed. */
export async function readSnapshot(snapshot: RunSnapshot): Promise<Checkpoint> {
  try {
    const held: [string, Held][] = [];
    for (const [name, { data, tensors: own = {}, arrays = {} }] of Object.entries(snapshot)) {
      const read: [string, NdArray][] = Object.entries(arrays);
      for (const [key, tensor] of Object.entries(own)) read.push([key, await arrayOf(tensor)]);
      held.push([name, { ...(data !== undefined && { data }), arrays: Object.fromEntries(read) }]);
    }
    const stages = Object.fromEntries(held);
    const numberOf = (stage: string, key: string): number =>
      (stages[stage]?.data as Readonly<Record<string, number>> | undefined)?.[key] ?? 0;
    return {
      globalStep: numberOf('model', 'globalStep'),
      microStep: numberOf('backward', 'microStep'),
      epoch: numberOf('source', 'pass'),
      versions: versions(),
      stages,
    };
  } finally {
    disposeTensors(snapshot);
  }
}

async function arrayOf(tensor: tf.Tensor): Promise<NdArray> {
  const { dtype, shape } = tensor;
  const values = await firstValueFrom(from(tensors().read(tensor)));
  // What is read is not written to again, so it need not be copied.
  if (dtype === 'float32') return { data: values instanceof Float32Array ? values : Float32Array.from(values), shape };
  if (dtype === 'int32') return { data: values instanceof Int32Array ? values : Int32Array.from(values), shape };
  if (dtype === 'bool') return { data: values instanceof Uint8Array ? values : Uint8Array.from(values), shape };
  throw new CheckpointError(`a snapshot must hold float32, int32 and bool, received a tensor of ${dtype}`);
}
