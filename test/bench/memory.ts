import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { from, lastValueFrom } from 'rxjs';
import type * as tfTypes from '@tensorflow/tfjs';

import { accumulate } from '../../operators/accumulate.js';
import { backward } from '../../operators/backward.js';
import { ema } from '../../operators/ema.js';
import { forward } from '../../operators/forward.js';
import { logEvery } from '../../operators/logEvery.js';
import { optimizerStep } from '../../operators/optimizerStep.js';
import { fromPull } from '../../src/core/fromPull.js';
import { softmaxCrossEntropy } from '../../src/losses/softmaxCrossEntropy.js';
import { adam } from '../../src/optim/adam.js';
import { stepEvent } from '../../src/testing/steps.js';
import { train } from '../../src/trainer/train.js';
import { makeBatches, makeModel, type BenchModel } from './models.js';

type TF = typeof tfTypes;

/** Peak bytes of tensors over three optimizer steps, at every kernel: window 64 against window 1. */
export async function peakMemory(tf: TF): Promise<Record<string, number>> {
  const peak = async (kind: BenchModel, k: number): Promise<number> => {
    const model = makeModel(tf, kind);
    const data = makeBatches(kind, 1, 4);
    const { xs, ys, shape, labelShape } = data[0]!;
    const batch = { xs: { data: xs, shape }, ys: { data: ys, shape: labelShape } };
    const before = tf.memory().numBytes;
    let most = 0;
    const engine = tf.engine();
    const { runKernel } = engine;
    engine.runKernel = function (...args) {
      const result = runKernel.apply(engine, args);
      most = Math.max(most, engine.memory().numBytes);
      return result;
    } as typeof runKernel;
    const source = Array.from({ length: 3 * k }, () => batch);
    const steps$ = fromPull(source).pipe(
      forward(model, softmaxCrossEntropy),
      backward(),
      accumulate(k),
      optimizerStep(adam()),
    );
    await new Promise<void>((resolve, reject) =>
      steps$.subscribe({
        next: ({ microBatches }) => tf.dispose(microBatches.map(({ loss }) => loss)),
        error: reject,
        complete: resolve,
      }),
    );
    engine.runKernel = runKernel;
    model.dispose();
    return most - before;
  };
  const ratio = async (kind: BenchModel) => Number(((await peak(kind, 64)) / (await peak(kind, 1))).toFixed(4));
  return {
    'peak memory, accumulate(64) × accumulate(1), mlp': await ratio('mlp'),
    'the same, deep': await ratio('deep'),
  };
}

/** Events a second through `ema` and `logEvery`. */
export async function eventRate(): Promise<Record<string, number>> {
  const losses = [1, 2, 3, 4].map((loss) => ({ loss, weight: 32, metrics: {} }));
  const events = Array.from({ length: 200_000 }, (_, i) => stepEvent(i + 1, { microBatches: losses }));
  const rates: number[] = [];
  for (let round = 0; round < 5; round++) {
    const start = performance.now();
    await lastValueFrom(from(events).pipe(ema('loss'), logEvery(50)));
    rates.push((events.length / (performance.now() - start)) * 1e3);
  }
  return { 'ema + logEvery, events/s': Math.round(rates.sort((a, b) => a - b)[2]!) };
}

/** Growth of the heap in MB between step 20 000 and step 100 000 of a trivial model. */
export async function flatHeap(tf: TF): Promise<Record<string, number>> {
  setFlagsFromString('--expose-gc');
  const gc = runInNewContext('gc') as () => void;
  const weight = tf.variable(tf.scalar(0));
  const model = { variables: [weight], apply: (xs: tfTypes.Tensor) => tf.mul(xs, weight) };
  const batch = { xs: { data: Float32Array.of(1), shape: [1] }, ys: { data: Float32Array.of(2), shape: [1] } };
  const squaredError = (labels: tfTypes.Tensor, predictions: tfTypes.Tensor) =>
    tf.squaredDifference(labels, predictions);
  const endless = function* () {
    for (;;) yield batch;
  };
  const marks: { heap: number; tensors: number }[] = [];
  await new Promise<void>((resolve, reject) => {
    train(model, endless(), { loss: squaredError, optimizer: adam(), steps: 100_000 }).subscribe({
      next: ({ globalStep }) => {
        if (globalStep % 20_000 !== 0) return;
        gc();
        marks.push({ heap: process.memoryUsage().heapUsed / 1e6, tensors: tf.memory().numTensors });
      },
      error: reject,
      complete: resolve,
    });
  });
  weight.dispose();
  return {
    'heap growth, steps 20 000 to 100 000, MB': Number((marks[4]!.heap - marks[0]!.heap).toFixed(2)),
    'tensors more, the same': marks[4]!.tensors - marks[0]!.tensors,
  };
}
