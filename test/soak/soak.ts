import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

import { map } from 'ix/asynciterable/operators/map';
import { lastValueFrom, type Observable } from 'rxjs';

import { ema } from '../../operators/ema.js';
import { logEvery } from '../../operators/logEvery.js';
import { tee } from '../../operators/tee.js';
import { throughput } from '../../operators/throughput.js';
import { validateEvery } from '../../operators/validateEvery.js';
import { checkpointEvery } from '../../src/checkpoint/checkpointEvery.js';
import { memoryStore } from '../../src/checkpoint/memoryStore.js';
import type { TrainingEvent } from '../../src/core/events.js';
import { batch } from '../../src/data/batch.js';
import { fromArrays } from '../../src/data/fromArrays.js';
import { shuffle } from '../../src/data/shuffle.js';
import { engine, type EngineName } from '../../src/engine/engine.js';
import { mse } from '../../src/losses/mse.js';
import { adamw } from '../../src/optim/adamw.js';
import { eventLine } from '../../src/trainer/eventLine.js';
import { train } from '../../src/trainer/train.js';
import { samples } from '../support/line.js';

/** What was alive after a step, with all garbage collected. */
interface Sample {
  readonly step: number;
  readonly bytes: number;
  readonly tensors: number;
}

/** What a long run was like. */
export interface Soak {
  readonly steps: number;
  /** Growth of the heap and of array buffers, over the second half, in bytes a step. */
  readonly bytesPerStep: number;
  /** The most and the fewest tensors that were alive. */
  readonly tensors: readonly [number, number];
  /** Those that were left at the end. */
  readonly left: number;
  /** The most batches and events that anybody still held, with all garbage collected. */
  readonly held: number;
}

/** How a run is soaked: it ends after `steps` or `until`, and is looked at every `sampleEvery` steps. */
export interface SoakOptions {
  readonly steps?: number;
  readonly until?: Observable<unknown>;
  readonly sampleEvery: number;
}

/** Trains a small network with all that a long run has beside it, and watches what stays. */
export async function soak(name: EngineName, { sampleEvery, ...end }: SoakOptions): Promise<Soak> {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  const { tf, close } = await engine(name);
  const before = tf.memory().numTensors;
  const seen: Sample[] = [];
  let [alive, held] = [0, 0];
  const collected = new FinalizationRegistry(() => (alive -= 1));
  const watch = <T extends object>(value: T): T => {
    alive += 1;
    collected.register(value, undefined);
    return value;
  };
  const turn = () => new Promise(setImmediate);
  const look = async ({ type, globalStep }: TrainingEvent): Promise<void> => {
    if (type !== 'step' || globalStep % sampleEvery !== 0) return;
    for (let i = 0; i < 5; i++) await turn(); // a checkpoint that is being written
    collect();
    await turn(); // what has been collected is told of
    held = Math.max(held, alive);
    const { heapUsed, arrayBuffers } = process.memoryUsage();
    seen.push({ step: globalStep, bytes: heapUsed + arrayBuffers, tensors: tf.memory().numTensors });
  };
  const model = tf.sequential({
    layers: [
      tf.layers.dense({ inputShape: [2], units: 16, activation: 'relu' }),
      tf.layers.dropout({ rate: 0.1 }),
      tf.layers.dense({ units: 1 }),
    ],
  });
  const data = (count: number, from: number) => {
    const all = samples(count, from);
    return fromArrays({ xs: all.map(({ x }) => x), ys: all.map(({ y }) => [y]) });
  };
  const [training, validation] = [data(90, 0), data(16, 1000)];
  let bytes = 0; // what a sink would write
  await lastValueFrom(
    train(model, (epoch) => training.pipe(shuffle({ seed: 1, epoch }), batch(8), map(watch)), {
      loss: mse,
      optimizer: adamw({ learningRate: 1e-4 }),
      accumulate: 2,
      clipNorm: 1,
      skipNonFinite: true,
      ...end,
    }).pipe(
      validateEvery(40, () => validation.pipe(batch(8))),
      checkpointEvery(90, memoryStore(), { keep: 2 }),
      ema('loss', { alpha: 0.02 }),
      ema('validation.loss', { alpha: 0.1 }),
      throughput(),
      tee((event) => void watch(event)),
      tee((event) => void (bytes += eventLine(event).length)),
      tee(() => Promise.resolve()),
      tee(look),
      logEvery(10),
    ),
  );
  model.dispose();
  for (let i = 0; i < 5; i++) await turn();
  const left = tf.memory().numTensors - before;
  close?.();
  const counts = seen.map(({ tensors }) => tensors);
  return {
    steps: seen.at(-1)?.step ?? 0,
    bytesPerStep: slope(seen.slice(Math.floor(seen.length / 2))),
    tensors: [Math.min(...counts), Math.max(...counts)],
    left,
    held,
  };
}

/** Bytes a step, by least squares. */
function slope(seen: readonly Sample[]): number {
  const mean = (values: number[]) => values.reduce((a, b) => a + b, 0) / values.length;
  const [step, bytes] = [mean(seen.map((each) => each.step)), mean(seen.map((each) => each.bytes))];
  const sum = (of: (each: Sample) => number) => seen.reduce((total, each) => total + of(each), 0);
  return sum((each) => (each.step - step) * (each.bytes - bytes)) / sum((each) => (each.step - step) ** 2);
}
