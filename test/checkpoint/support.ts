import { createHash } from 'node:crypto';

import * as tf from '@tensorflow/tfjs';
import { lastValueFrom, type Observable } from 'rxjs';

import { checkpointEvery } from '../../src/checkpoint/checkpointEvery.js';
import { memoryStore } from '../../src/checkpoint/memoryStore.js';
import type { Batch } from '../../src/core/batch.js';
import type { TrainingEvent } from '../../src/core/events.js';
import type { Checkpoint } from '../../src/core/snapshot.js';
import { batch } from '../../src/data/batch.js';
import { fromArrays } from '../../src/data/fromArrays.js';
import { shuffle } from '../../src/data/shuffle.js';
import { mse } from '../../src/losses/mse.js';
import { adamw } from '../../src/optim/adamw.js';
import { train } from '../../src/trainer/train.js';
import { samples } from '../support/line.js';

/** A network with dropout, always from the same weights. */
export function network(): tf.LayersModel {
  const [first, second] = [1, 2].map((seed) => tf.initializers.glorotUniform({ seed }));
  return tf.sequential({
    layers: [
      tf.layers.dense({ inputShape: [2], units: 8, activation: 'tanh', kernelInitializer: first! }),
      tf.layers.dropout({ rate: 0.3 }),
      tf.layers.dense({ units: 1, kernelInitializer: second! }),
    ],
  });
}

/** 11 micro-batches an epoch, windows of 4: each epoch ends in mid-window. */
export function runOf(
  model: tf.LayersModel,
  epochs: number,
  from?: Checkpoint,
  onBatch: () => unknown = () => undefined,
): Observable<TrainingEvent> {
  const all = samples(32);
  const data = fromArrays({ xs: all.map(({ x }) => x), ys: all.map(({ y }) => [y]) });
  const source = async function* (epoch: number): AsyncIterable<Batch> {
    for await (const each of data.pipe(shuffle({ seed: 5, epoch }), batch(3))) {
      onBatch();
      yield each;
    }
  };
  return train(model, source, { loss: mse, optimizer: adamw({ learningRate: 0.02 }), accumulate: 4, epochs, from });
}

export function weightsOf(model: tf.LayersModel): number[] {
  return model.weights.flatMap((weight) => [...weight.read().dataSync()]);
}

/** Files of a checkpoint that may be damaged; made once, after the second step. */
export async function savedFiles(): Promise<Record<string, Uint8Array>> {
  const model = network();
  const store = memoryStore();
  await lastValueFrom(runOf(model, 1).pipe(checkpointEvery(2, store, { whenBusy: 'wait' })));
  model.dispose();
  return { ...(await store.load((await store.list())[0]!)) };
}

/** A `state.json` that says something else, with its checksum made anew: what somebody with bad intentions would hand over. */
export async function resealed(bytes: Uint8Array, change: (text: string) => string): Promise<Uint8Array> {
  const text = change(new TextDecoder().decode(bytes));
  const body = text.slice(0, text.lastIndexOf(',\n "sha256"'));
  const sum = createHash('sha256').update(body).digest('hex');
  return new TextEncoder().encode(`${body},\n "sha256": "${sum}"\n}`);
}
