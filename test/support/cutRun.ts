import * as tf from '@tensorflow/tfjs';
import { lastValueFrom, pipe, tap, type OperatorFunction } from 'rxjs';
import { expect } from 'vitest';

import { accumulate } from '../../operators/accumulate.js';
import { averageWeights } from '../../operators/averageWeights.js';
import { backward } from '../../operators/backward.js';
import { clipByGlobalNorm } from '../../operators/clipByGlobalNorm.js';
import { ema } from '../../operators/ema.js';
import { forward } from '../../operators/forward.js';
import { maxDuration } from '../../operators/maxDuration.js';
import { optimizerStep } from '../../operators/optimizerStep.js';
import { readback } from '../../operators/readback.js';
import { reduceOnPlateau } from '../../operators/reduceOnPlateau.js';
import { stopEarly } from '../../operators/stopEarly.js';
import { trainStep, type TrainStepOptions } from '../../operators/trainStep.js';
import { validateEvery } from '../../operators/validateEvery.js';
import type { Batch } from '../../src/core/batch.js';
import type { ChangeEvent, TrainingEvent, ValidationEvent } from '../../src/core/events.js';
import { fromPull } from '../../src/core/fromPull.js';
import { RUN, type InRun } from '../../src/core/run.js';
import { readSnapshot } from '../../src/core/readSnapshot.js';
import type { Held } from '../../src/core/snapshot.js';
import type { StepResult } from '../../src/core/values.js';
import { batch } from '../../src/data/batch.js';
import { fromArrays } from '../../src/data/fromArrays.js';
import { shuffle } from '../../src/data/shuffle.js';
import { adam } from '../../src/optim/adam.js';
import { cosine } from '../../src/optim/schedules.js';
import { batchOf, samples, squaredError } from './line.js';

/** A network with dropout, always from the same weights. */
function network(): tf.LayersModel {
  const [first, second] = [1, 2].map((seed) => tf.initializers.glorotUniform({ seed }));
  return tf.sequential({
    layers: [
      tf.layers.dense({ inputShape: [2], units: 5, activation: 'tanh', kernelInitializer: first! }),
      tf.layers.batchNormalization(),
      tf.layers.dropout({ rate: 0.3 }),
      tf.layers.dense({ units: 1, kernelInitializer: second! }),
    ],
  });
}

const data = fromArrays({ xs: samples(29).map(({ x }) => x), ys: samples(29).map(({ y }) => [y]) });
const held = [batchOf(samples(5, 100))];
/** 10 micro-batches in an epoch, the last of two samples, and windows of 4: each epoch ends in mid-window. Of one sample a batch norm's gradient is rounding alone. */
const EPOCHS = 2;
const PER_EPOCH = 10;

type Stage = OperatorFunction<Batch, TrainingEvent>;

interface Cut {
  /** How many events had been emitted by then. */
  readonly events: number;
  readonly held: Record<string, Held>;
}

/** Runs from the start or from a snapshot, to the end; takes a snapshot before every further micro-batch. */
async function run(stages: (model: tf.LayersModel) => Stage, from?: Record<string, Held>) {
  const model = network();
  const events: TrainingEvent[] = [];
  const [marks, cuts, reading]: [number[], Cut[], Promise<void>[]] = [[], [], []];
  const batch$ = fromPull<Batch>((epoch) => data.pipe(shuffle({ seed: 3, epoch }), batch(3)), {
    epochs: EPOCHS,
    ...(from && { from: { globalStep: 0, microStep: 0, epoch: 1, stages: from } }),
  });
  let first = true;
  let taken = 0;
  const cut = (value: Batch & InRun): void => {
    const state = value[RUN]!.state!;
    if (first) state.join('mark', () => (marks.push(events.length), {}));
    first = false;
    reading.push(
      state.snapshot().then(async (snapshot) => {
        const index = taken++;
        const { mark: _, ...held } = (await readSnapshot(snapshot!)).stages;
        cuts[index] = { events: marks[index]!, held: structuredClone(held) };
      }),
    );
  };
  await lastValueFrom(batch$.pipe(tap(cut), stages(model), tap((event) => events.push(event)))); // prettier-ignore
  await Promise.all(reading);
  const weights = model.weights.map((weight) => [...weight.read().dataSync()]);
  model.dispose();
  return { events: events.map((event) => structuredClone({ ...event })), weights, cuts };
}

const options = (more: Partial<TrainStepOptions> = {}): TrainStepOptions => ({
  loss: squaredError as never,
  optimizer: adam({ learningRate: cosine(0.05, 10) }),
  accumulate: 4,
  clipNorm: 0.5,
  metrics: { bias: (_: unknown, predictions: unknown) => tf.mean(predictions as tf.Tensor, -1) },
  ...more,
});
/** Everything that controls a run: the weights averaged, the learning rate lowered after each validation, the end after five steps that are no better. */
const controlled = pipe(
  averageWeights<StepResult>({ decay: (step) => Math.min(0.9, step / 4) }),
  validateEvery(2, held),
  reduceOnPlateau('validation.loss', { patience: 1, factor: 0.5, minDelta: 100 }),
  readback<StepResult | ValidationEvent | ChangeEvent>(),
  maxDuration<TrainingEvent>('1h'),
  stopEarly<TrainingEvent>('loss', { patience: 4, minDelta: 100 }),
);
const behind = pipe(ema<TrainingEvent>('loss', { alpha: 0.3 }), ema<TrainingEvent>('validation.loss', { alpha: 0.5 }));

/** Every stage by itself. */
export function granularToCut(model: tf.LayersModel): Stage {
  const { loss, metrics, optimizer } = options();
  return pipe(
    forward(model, loss, { metrics: metrics!, seed: 5 }),
    backward(),
    accumulate(4),
    clipByGlobalNorm(0.5),
    optimizerStep(optimizer),
    validateEvery(2, held),
    readback(),
    behind,
  );
}

/** Runs to be cut: read step by step, every third step with the check for what is not finite, and one that ends itself before its 19th micro-batch. */
export function stagesToCut(compile: boolean): Record<string, (model: tf.LayersModel) => Stage> {
  return {
    'in one stage': (model) => pipe(trainStep(model, options({ compile })), validateEvery(2, held), readback(), behind),
    'read every third step': (model) =>
      pipe(trainStep(model, options({ compile, skipNonFinite: true })), validateEvery(2, held), readback(3), behind),
    'that ends itself': (model) => pipe(trainStep(model, options({ compile })), controlled, behind),
  };
}

/** Expects that a run which is cut, at every micro-step or at each `every`-th, and goes on from there, gives the same events and weights, bit for bit. */
export async function expectToGoOn(stages: (model: tf.LayersModel) => Stage, every = 1): Promise<void> {
  const whole = await run(stages);
  const ended = whole.events.at(-1)?.type === 'end';
  expect(whole.cuts).toHaveLength(ended ? 18 : EPOCHS * PER_EPOCH);
  // The last is the end: nothing is left to go on with.
  for (const { events, held: from } of whole.cuts.slice(0, -1).filter((_, i) => i % every === 0)) {
    const rest = await run(stages, from);
    expect([...whole.events.slice(0, events), ...rest.events]).toStrictEqual(whole.events);
    expect(rest.weights).toStrictEqual(whole.weights);
  }
}
