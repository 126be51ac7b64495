import { lastValueFrom, tap, type OperatorFunction } from 'rxjs';
import type * as tfTypes from '@tensorflow/tfjs';

import { accumulate } from '../../operators/accumulate.js';
import { backward } from '../../operators/backward.js';
import { forward } from '../../operators/forward.js';
import { optimizerStep } from '../../operators/optimizerStep.js';
import { readback } from '../../operators/readback.js';
import { trainStep } from '../../operators/trainStep.js';
import type { Batch } from '../../src/core/batch.js';
import { fromPull } from '../../src/core/fromPull.js';
import { variablesOf } from '../../src/core/model.js';
import type { StepResult } from '../../src/core/values.js';
import { flatten, unflatten, weightsOf } from '../../src/core/weights.js';
import { adam } from '../../src/optim/adam.js';
import { lossFor, type BenchModel, type BenchNet, type HostBatch } from './models.js';

type TF = typeof tfTypes;

/** What a contender is to train. */
export interface Job {
  readonly tf: TF;
  readonly kind: BenchModel;
  readonly model: BenchNet;
  readonly data: readonly HostBatch[];
  /** Optimizer steps that come before those that are timed. */
  readonly warmUp: number;
  /** Optimizer steps that are timed. */
  readonly steps: number;
  /** Whether the losses are looked at; `model.fit` reads them only then. */
  readonly check: boolean;
}

/** What came of it. */
export interface Run {
  readonly ms: number;
  /** The mean loss of every optimizer step, from the first. */
  readonly losses: readonly number[];
  /** Processor time of a process other than this one, from its start to its end. */
  readonly peerMs?: number;
}

export type Contender = (job: Job) => Promise<Run>;

/** Micro-batches of an optimizer step. */
export const K = 4;
const READ_EVERY = 50;
const RATE = 1e-3;

const batchOf = ({ xs, shape, ys, labelShape }: HostBatch): Batch => ({
  xs: { data: xs, shape },
  ys: { data: ys, shape: labelShape },
});

function* batches(data: readonly HostBatch[], count: number): Generator<Batch> {
  for (let i = 0; i < count; i++) yield batchOf(data[i % data.length]!);
}

/** TensorFlow.js's own Adam, set as every side has it: its epsilon would be 1e-7, and 1 − 0.999 off by 1e-5 on the device. */
const tfAdam = (tf: TF) => tf.train.adam(RATE, Math.fround(0.9), Math.fround(0.999), 1e-8);

/** One-hot labels as TensorFlow.js's own losses want them. */
const oneHot = (tf: TF, { ys, labelShape }: HostBatch, classes: number): tfTypes.Tensor => {
  const labels = tf.tensor(ys, labelShape);
  // Cast: wasm's kernel writes whole numbers, whatever it is asked for.
  return ys instanceof Int32Array ? tf.cast(tf.oneHot(labels as tfTypes.Tensor1D, classes), 'float32') : labels;
};

/** A hand-written loop with tf.js's own Adam, as its documentation would have it; losses are read every 50 steps. */
const byHand: Contender = async ({ tf, model, data, warmUp, steps }) => {
  const optimizer = tfAdam(tf);
  const variables = [...variablesOf(model)];
  const step = (from: number): tfTypes.Scalar =>
    tf.tidy(() => {
      let sums: tfTypes.NamedTensorMap | undefined;
      let loss: tfTypes.Scalar = tf.scalar(0);
      for (let i = 0; i < K; i++) {
        const batch = data[(from + i) % data.length]!;
        const { value, grads } = tf.variableGrads(() => {
          const logits = model.apply(tf.tensor(batch.xs, batch.shape), { training: true }) as tfTypes.Tensor;
          return tf.losses.softmaxCrossEntropy(oneHot(tf, batch, logits.shape.at(-1)!), logits) as tfTypes.Scalar;
        }, variables);
        loss = tf.add(loss, value);
        const so = sums;
        sums = so ? Object.fromEntries(Object.entries(grads).map(([name, g]) => [name, tf.add(so[name]!, g)])) : grads;
      }
      optimizer.applyGradients(Object.fromEntries(Object.entries(sums!).map(([name, g]) => [name, tf.div(g, K)])));
      return tf.div<tfTypes.Scalar>(loss, K);
    });
  const run = await timed(warmUp, steps, (n) => step(n * K), tf);
  optimizer.dispose();
  return run;
};

/** The same loop with our loss and our Adam: what the granular pipe is held against. */
const ownLoop: Contender = async ({ tf, kind, model, data, warmUp, steps }) => {
  const loss = lossFor(kind);
  const optimizer = adam({ learningRate: RATE });
  const weights = weightsOf(model);
  const variables = [...weights.variables];
  let state = optimizer.init(weights.slots);
  const step = (from: number): tfTypes.Scalar => {
    let sum: tfTypes.Tensor1D | undefined;
    const losses: tfTypes.Scalar[] = [];
    for (let i = 0; i < K; i++) {
      const { xs, ys, shape, labelShape } = data[(from + i) % data.length]!;
      const { value, gradients } = tf.tidy(() => {
        const { value, grads } = tf.variableGrads(
          () => tf.mean(loss(tf.tensor(ys, labelShape), model.apply(tf.tensor(xs, shape), { training: true }))),
          variables,
        );
        return { value, gradients: flatten(variables.map(({ name }) => grads[name]!)) };
      });
      losses.push(value);
      const before = sum;
      sum = before ? tf.add<tfTypes.Tensor1D>(before, gradients) : gradients;
      if (before) tf.dispose([before, gradients]);
    }
    const next = tf.tidy(() => {
      const updated = optimizer.update(tf.mul(sum!, 1 / K), state, flatten(variables), RATE);
      unflatten(updated.weights, weights.slots).forEach((value, i) => variables[i]!.assign(value));
      return updated.state as Record<string, tfTypes.Tensor>;
    });
    tf.dispose([sum!, state as Record<string, tfTypes.Tensor>]);
    state = next;
    const all = tf.tidy(() => tf.mean<tfTypes.Scalar>(tf.stack(losses)));
    tf.dispose(losses);
    return all;
  };
  const run = await timed(warmUp, steps, (n) => step(n * K), tf);
  tf.dispose(state as Record<string, tfTypes.Tensor>);
  return run;
};

/** `model.fit`, which cannot accumulate: the micro-batches of a step are one batch, so that the steps are the same. */
const fit: Contender = async ({ tf, model, data, warmUp, steps, check }) => {
  const layers = model as tfTypes.LayersModel;
  const loss = (y: tfTypes.Tensor, p: tfTypes.Tensor) => tf.losses.softmaxCrossEntropy(y, p) as tfTypes.Scalar;
  layers.compile({ optimizer: tfAdam(tf), loss });
  const losses: number[] = [];
  const run = async (from: number, count: number): Promise<number> => {
    const part = Array.from({ length: count * K }, (_, i) => data[(from * K + i) % data.length]!);
    const [xs, ys] = tf.tidy(() => [
      tf.concat(part.map((batch) => tf.tensor(batch.xs, batch.shape))),
      tf.concat(part.map((batch) => tf.tensor(batch.ys, batch.labelShape))),
    ]) as [tfTypes.Tensor, tfTypes.Tensor];
    const start = performance.now();
    await layers.fit(xs, ys, {
      batchSize: K * part[0]!.size,
      epochs: 1,
      shuffle: false,
      verbose: 0,
      yieldEvery: 'never',
      ...(check && { callbacks: { onBatchEnd: (_: number, logs?: tfTypes.Logs) => void losses.push(logs!['loss']!) } }),
    });
    const ms = performance.now() - start;
    tf.dispose([xs, ys]);
    return ms;
  };
  await run(0, warmUp);
  const ms = await run(warmUp, steps);
  layers.optimizer.dispose();
  return { ms, losses };
};

const piped =
  (stages: (job: Job) => OperatorFunction<Batch, StepResult>): Contender =>
  async (job) => {
    const { data, warmUp, steps } = job;
    const losses: number[] = [];
    let [start, end] = [0, 0];
    await lastValueFrom(
      fromPull(batches(data, (warmUp + steps) * K)).pipe(
        stages(job),
        tap(({ globalStep }) => globalStep === warmUp && (start = performance.now())),
        readback(READ_EVERY),
        tap(({ loss }) => {
          losses.push(loss);
          end = performance.now(); // what a run costs at its end is not a step's, as what it costs to begin
        }),
      ),
    );
    return { ms: end - start, losses };
  };

/** Every stage by itself. */
const granular = piped(
  ({ kind, model }) =>
    (batch$) =>
      batch$.pipe(
        forward(model, lossFor(kind)),
        backward(),
        accumulate(K),
        optimizerStep(adam({ learningRate: RATE })),
      ),
);

/** The stage that stands for all of them. */
const whole = (options: { readonly compile: boolean }): Contender =>
  piped(({ kind, model }) =>
    trainStep(model, {
      loss: lossFor(kind),
      optimizer: adam({ learningRate: RATE }),
      accumulate: K,
      ...options,
    }),
  );

/** The hand-written loop on TensorFlow.js's own kernels, without what the engine has replaced. */
export const AS_SHIPPED = 'tf.js by hand, as shipped';
/** What every other contender's losses are held against. */
export const BY_HAND = 'tf.js by hand';
export const OWN_LOOP = 'loop, our Adam';
export const FIT = 'model.fit';
export const EAGER = 'gradstream eager';
export const COMPILED = 'gradstream compiled';

/** By name, in the order in which they take turns. */
export const contenders: Readonly<Record<string, Contender>> = {
  [BY_HAND]: byHand,
  [AS_SHIPPED]: byHand,
  [FIT]: fit,
  [OWN_LOOP]: ownLoop,
  'granular pipe': granular,
  [EAGER]: whole({ compile: false }),
  [COMPILED]: whole({ compile: true }),
};

async function timed(warmUp: number, steps: number, step: (n: number) => tfTypes.Scalar, tf: TF): Promise<Run> {
  const losses: number[] = [];
  let held: tfTypes.Scalar[] = [];
  let start = 0;
  for (let n = 0; n < warmUp + steps; n++) {
    if (n === warmUp) start = performance.now();
    held.push(step(n));
    if (held.length < READ_EVERY && n < warmUp + steps - 1) continue;
    const packed = tf.stack(held);
    losses.push(...(await packed.data()));
    tf.dispose([packed, held]);
    held = [];
  }
  return { ms: performance.now() - start, losses };
}
