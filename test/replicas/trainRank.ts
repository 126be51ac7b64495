import { readFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { isMainThread } from 'node:worker_threads';
import * as tf from '@tensorflow/tfjs';
import { lastValueFrom, toArray } from 'rxjs';

import { allReduce } from '../../operators/allReduce.js';
import type { Batch } from '../../src/core/batch.js';
import { engine } from '../../src/engine/engine.js';
import { softmaxCrossEntropy } from '../../src/losses/softmaxCrossEntropy.js';
import { accuracy } from '../../src/metrics/accuracy.js';
import { adam } from '../../src/optim/adam.js';
import { broadcastWeights } from '../../src/replicas/broadcastWeights.js';
import { mpi } from '../../src/replicas/mpi.js';
import { inThread } from '../../src/replicas/startThreads.js';
import { solo } from '../../src/replicas/solo.js';
import { train } from '../../src/trainer/train.js';

// Trains on digits: by itself, as a thread, or as a process of mpirun. What it prints must be the same.
const SIZE = 24; // of the batches of all ranks together
const digits = JSON.parse(readFileSync(process.env['DIGITS']!, 'utf8')) as { input: number[]; output: number[] }[];
const collective = process.argv[2] === 'solo' ? solo() : isMainThread ? await mpi() : inThread().collective;
const { rank, worldSize, localRank } = collective;
await engine('wasm');

/** Every `worldSize`-th digit of each batch. 270 digits make 11 batches of 24 and one of 6. */
const batches = Array.from({ length: Math.ceil(digits.length / SIZE) }, (_, i): Batch => {
  const mine = digits.slice(i * SIZE, (i + 1) * SIZE).filter((_, j) => j % worldSize === rank);
  return {
    xs: { data: Float32Array.from(mine.flatMap(({ input }) => input)), shape: [mine.length, 784] },
    ys: { data: Float32Array.from(mine.flatMap(({ output }) => output)), shape: [mine.length, 10] },
  };
});
// Other weights on each rank, if they were not made the same.
const kernelInitializer = (seed: number) => tf.initializers.glorotUniform({ seed: seed + 10 * rank });
const model = tf.sequential({
  layers: [
    tf.layers.dense({ inputShape: [784], units: 16, activation: 'relu', kernelInitializer: kernelInitializer(1) }),
    tf.layers.dense({ units: 10, kernelInitializer: kernelInitializer(2) }),
  ],
});
await broadcastWeights(collective, model);
const events = await lastValueFrom(
  train(model, batches, {
    loss: softmaxCrossEntropy,
    optimizer: adam({ learningRate: 0.01 }),
    metrics: { accuracy },
    accumulate: 2,
    clipNorm: 1,
    epochs: 2,
    reduce: allReduce(collective, { checkEvery: 5, timeoutMs: 20_000 }),
  }).pipe(toArray()),
);
const weights = await Promise.all(model.getWeights().map((weight) => weight.data()));
await collective.close();
process.stdout.write(
  `${JSON.stringify({
    steps: events.flatMap((event) =>
      event.type === 'step'
        ? [[event.globalStep, event.microStep, event.loss, event.metrics['accuracy'], event.samples]]
        : [],
    ),
    worldSize: events.map((event) => (event.type === 'step' ? event.worldSize : 0)).reduce((a, b) => Math.max(a, b)),
    weights: weights.map((values) => Array.from(values, Math.abs).reduce((sum, value) => sum + value, 0)),
    host: hostname(),
    localRank,
  })}\n`,
);
