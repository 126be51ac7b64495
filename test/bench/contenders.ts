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
import type { StepResult } from '../../src/core/values.js';
import { flatten, unflatten, weightsOf } from '../../src/core/weights.js';
import { softmaxCrossEntropy } from '../../src/losses/softmaxCrossEntropy.js';
import { adam } from '../../src/optim/adam.js';
import type { makeBatches } from './models.js';

type TF = typeof tfTypes;
type HostBatch = ReturnType<typeof makeBatches>[number];

/** What is timed: milliseconds for `steps` optimizer steps, after 3 that are not counted. */
export type Contender = (
  tf: TF,
  model: tfTypes.LayersModel,
  data: readonly HostBatch[],
  steps: number,
) => Promise<number>;

const K = 4;
const WARM_UP = 3;
const READ_EVERY = 50;

const batchOf = ({ xs, ys, shape, size }: HostBatch): Batch => ({
  xs: { data: xs, shape },
  ys: { data: ys, shape: [size, 10] },
});

function* batches(data: readonly HostBatch[], count: number): Generator<Batch> {
  for (let i = 0; i < count; i++) yield batchOf(data[i % data.length]!);
}

/** A hand-written loop with tf.js's own Adam, as its documentation would have it; losses are read every 50 steps. */
const tfAdam: Contender = async (tf, model, data, steps) => {
  const optimizer = tf.train.adam(1e-3);
  const variables = model.trainableWeights.map((weight) => weight.read() as tfTypes.Variable);
  const step = (from: number): tfTypes.Scalar =>
    tf.tidy(() => {
      let sums: tfTypes.NamedTensorMap | undefined;
      let loss: tfTypes.Scalar = tf.scalar(0);
      for (let i = 0; i < K; i++) {
        const { xs, ys, shape, size } = data[(from + i) % data.length]!;
        const { value, grads } = tf.variableGrads(
          () =>
            tf.losses.softmaxCrossEntropy(
              tf.tensor(ys, [size, 10]),
              model.apply(tf.tensor(xs, shape), { training: true }) as tfTypes.Tensor,
            ) as tfTypes.Scalar,
          variables,
        );
        loss = tf.add(loss, value);
        const so = sums;
        sums = so ? Object.fromEntries(Object.entries(grads).map(([name, g]) => [name, tf.add(so[name]!, g)])) : grads;
      }
      optimizer.applyGradients(Object.fromEntries(Object.entries(sums!).map(([name, g]) => [name, tf.div(g, K)])));
      return tf.div<tfTypes.Scalar>(loss, K);
    });
  const ms = await timed(steps, (n) => step(n * K), tf);
  optimizer.dispose();
  return ms;
};

/** The same loop with our loss and our Adam: what the granular pipe is held against. */
const ownLoop: Contender = async (tf, model, data, steps) => {
  const optimizer = adam({ learningRate: 1e-3 });
  const weights = weightsOf(model);
  const variables = [...weights.variables];
  let state = optimizer.init(weights.slots);
  const step = (from: number): tfTypes.Scalar => {
    let sum: tfTypes.Tensor1D | undefined;
    const losses: tfTypes.Scalar[] = [];
    for (let i = 0; i < K; i++) {
      const { xs, ys, shape, size } = data[(from + i) % data.length]!;
      const { loss, gradients } = tf.tidy(() => {
        const { value, grads } = tf.variableGrads(
          () =>
            tf.mean(
              softmaxCrossEntropy(tf.tensor(ys, [size, 10]), model.apply(tf.tensor(xs, shape), { training: true })),
            ),
          variables,
        );
        return { loss: value, gradients: flatten(variables.map(({ name }) => grads[name]!)) };
      });
      losses.push(loss);
      const before = sum;
      sum = before ? tf.add<tfTypes.Tensor1D>(before, gradients) : gradients;
      if (before) tf.dispose([before, gradients]);
    }
    const next = tf.tidy(() => {
      const updated = optimizer.update(tf.mul(sum!, 1 / K), state, flatten(variables), 1e-3);
      unflatten(updated.weights, weights.slots).forEach((value, i) => variables[i]!.assign(value));
      return updated.state as Record<string, tfTypes.Tensor>;
    });
    tf.dispose([sum!, state as Record<string, tfTypes.Tensor>]);
    state = next;
    const all = tf.tidy(() => tf.mean<tfTypes.Scalar>(tf.stack(losses)));
    tf.dispose(losses);
    return all;
  };
  const ms = await timed(steps, (n) => step(n * K), tf);
  tf.dispose(state as Record<string, tfTypes.Tensor>);
  return ms;
};

/** `model.fit` at the same micro-batch: no accumulation, so an update for each micro-batch. */
const fit: Contender = async (tf, model, data, steps) => {
  model.compile({
    optimizer: tf.train.adam(1e-3),
    loss: (y, p) => tf.losses.softmaxCrossEntropy(y, p) as tfTypes.Scalar,
  });
  const of = (count: number) => {
    const part = Array.from({ length: count * K }, (_, i) => data[i % data.length]!);
    const { shape, size } = part[0]!;
    return tf.tidy(
      () =>
        [
          tf.concat(part.map(({ xs }) => tf.tensor(xs, shape))),
          tf.concat(part.map(({ ys }) => tf.tensor(ys, [size, 10]))),
        ] as const,
    );
  };
  const run = async (count: number) => {
    const [xs, ys] = of(count);
    const start = performance.now();
    await model.fit(xs, ys, { batchSize: data[0]!.size, epochs: 1, shuffle: false, verbose: 0, yieldEvery: 'never' });
    const ms = performance.now() - start;
    tf.dispose([xs, ys]);
    return ms;
  };
  await run(WARM_UP);
  return run(steps);
};

const piped =
  (stages: (model: tfTypes.LayersModel) => OperatorFunction<Batch, StepResult>): Contender =>
  async (_tf, model, data, steps) => {
    let start = 0;
    await lastValueFrom(
      fromPull(batches(data, (WARM_UP + steps) * K)).pipe(
        stages(model),
        tap(({ globalStep }) => globalStep === WARM_UP && (start = performance.now())),
        readback(READ_EVERY),
      ),
    );
    return performance.now() - start;
  };

/** Every stage by itself. */
const pipe = piped(
  (model) => (batch$) =>
    batch$.pipe(
      forward(model, softmaxCrossEntropy),
      backward(),
      accumulate(K),
      optimizerStep(adam({ learningRate: 1e-3 })),
    ),
);

/** The stage that stands for all of them. */
const whole = piped((model) =>
  trainStep(model, { loss: softmaxCrossEntropy, optimizer: adam({ learningRate: 1e-3 }), accumulate: K }),
);

/** By name; those that say so run on TensorFlow.js's own kernels, without what the engine has replaced. */
export const AS_SHIPPED = 'tf.train.adam loop, as shipped';

export const contenders: Readonly<Record<string, Contender>> = {
  [AS_SHIPPED]: tfAdam,
  'tf.train.adam loop': tfAdam,
  'model.fit': fit,
  'loop, our Adam': ownLoop,
  'granular pipe': pipe,
  trainStep: whole,
};

async function timed(steps: number, step: (n: number) => tfTypes.Scalar, tf: TF): Promise<number> {
  let losses: tfTypes.Scalar[] = [];
  let start = 0;
  for (let n = 0; n < WARM_UP + steps; n++) {
    if (n === WARM_UP) start = performance.now();
    losses.push(step(n));
    if (losses.length < READ_EVERY && n < WARM_UP + steps - 1) continue;
    const packed = tf.stack(losses);
    await packed.data();
    tf.dispose([packed, losses]);
    losses = [];
  }
  return performance.now() - start;
}
