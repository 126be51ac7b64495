import * as tf from '@tensorflow/tfjs';
import { type Observable } from 'rxjs';

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
