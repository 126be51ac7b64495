// A process that trains, logs its events and saves, to be killed by `kill.test.ts`: on TensorFlow.js's core and cpu backend alone, so that it starts fast.
import { appendFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import '@tensorflow/tfjs-backend-cpu';
import * as tf from '@tensorflow/tfjs-core';
import '@tensorflow/tfjs-core/dist/register_all_gradients.js';
import { of } from 'rxjs';

import { tee } from '../../operators/tee.js';
import { checkpointEvery, type CheckpointOptions } from '../../src/checkpoint/checkpointEvery.js';
import { fileStore } from '../../src/checkpoint/fileStore.js';
import { fromSignals } from '../../src/checkpoint/fromSignals.js';
import { latest } from '../../src/checkpoint/latest.js';
import { bindTensors, type Tensors } from '../../src/core/tensors.js';
import { batch } from '../../src/data/batch.js';
import { fromArrays } from '../../src/data/fromArrays.js';
import { shuffle } from '../../src/data/shuffle.js';
import { seededDraws } from '../../src/engine/seededDraws.js';
import { mse } from '../../src/losses/mse.js';
import { adam } from '../../src/optim/adam.js';
import { cosine } from '../../src/optim/schedules.js';
import { csvFile } from '../../src/sinks/csvFile.js';
import { jsonlFile } from '../../src/sinks/jsonlFile.js';
import { train } from '../../src/trainer/train.js';

/** What the process is told to do. */
export interface Task {
  readonly folder: string;
  readonly steps: number;
  readonly every: number;
  readonly whenBusy: NonNullable<CheckpointOptions['whenBusy']>;
  /** Has the store never finish what it saves. */
  readonly stuck?: boolean;
}

const { folder, steps, every, whenBusy, stuck } = JSON.parse(process.argv[2]!) as Task;
bindTensors({
  ...tf,
  about: () => ({ engine: 'cpu' }),
  seededDraws,
  read: (tensor: tf.Tensor) => of(tensor.dataSync()),
} as unknown as Tensors);
tf.env().set('IS_TEST', true); // silences the backend's banner
await tf.setBackend('cpu');

const numbers = (length: number, seed: number): Float32Array =>
  Float32Array.from({ length }, (_, i) => Math.sin(12.9898 * (i + 1) + seed));
const variables = [[4, 16], [16], [16, 1]].map((shape, i) =>
  tf.variable(tf.tensor(numbers(shape[0]! * (shape[1] ?? 1), i), shape), true, `w${i}`),
);
const [hidden, bias, output] = variables as [tf.Variable, tf.Variable, tf.Variable];
const model = {
  variables,
  apply: (xs: tf.Tensor, { training }: { training: boolean }) => {
    const h = tf.tanh(tf.add(tf.matMul(xs as tf.Tensor2D, hidden as never), bias));
    return tf.matMul((training ? tf.dropout(h, 0.2) : h) as tf.Tensor2D, output as never);
  },
};
const data = fromArrays({
  xs: Array.from({ length: 50 }, (_, i) => [...numbers(4, i)]),
  ys: Array.from({ length: 50 }, (_, i) => [Math.cos(i)]),
});

const files = fileStore(join(folder, 'checkpoints'));
const store = stuck ? { ...files, save: () => new Promise<never>(() => setInterval(() => undefined, 1e6)) } : files;
const from = await latest(store, { orPrevious: true });
const signal$ = fromSignals();
process.stdout.write('ready\n');

train(model as never, (epoch) => data.pipe(shuffle({ seed: 1, epoch }), batch(3)), {
  loss: mse,
  optimizer: adam({ learningRate: cosine(0.05, 400) }),
  accumulate: 4,
  steps,
  from,
  until: signal$,
})
  .pipe(
    checkpointEvery(every, store, { keep: 2, whenBusy, on: signal$ }),
    tee(jsonlFile(join(folder, 'recorded.jsonl'))),
    tee(csvFile(join(folder, 'steps.csv'))),
  )
  .subscribe({
    next: (event) => {
      appendFileSync(join(folder, 'events.jsonl'), `${JSON.stringify(event)}\n`);
      process.stdout.write('.');
    },
    error: (error: unknown) => {
      throw error;
    },
    complete: () => {
      const weights = variables.map((variable) => [...variable.dataSync()]);
      writeFileSync(join(folder, 'weights.json'), JSON.stringify(weights));
    },
  });
