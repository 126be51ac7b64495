import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

import { map } from 'ix/asynciterable/operators/map';
import { identity, lastValueFrom, type MonoTypeOperatorFunction, type Observable } from 'rxjs';

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
import { heap } from './heap.js';

/** What was alive after a step, with all garbage collected. */
export interface Sample {
  readonly step: number;
  /** Of all that a program can keep. */
  readonly bytes: number;
  /** Of code and what goes with it. */
  readonly compiled: number;
  readonly tensors: number;
  /** Batches and events. */
  readonly held: number;
}

/** What a long run was like. */
export interface Soak {
  readonly samples: readonly Sample[];
  /** Tensors that were left at the end. */
  readonly left: number;
  /** What has come to take most more bytes between the beginning and the last sample: the kind, and how many. */
  readonly grown: readonly (readonly [kind: string, bytes: number])[];
}

/** Steps after which epochs, validations and checkpoints are all where they were: what is under way is the same, and no growth. */
export const PERIOD = 90;

/** How a run is soaked: it ends after `steps` or `until`, and is looked at every `sampleEvery` steps, a multiple of {@link PERIOD}. */
export interface SoakOptions {
  readonly steps?: number;
  readonly until?: Observable<unknown>;
  readonly sampleEvery: number;
  /** One more stage, for a leak. */
  readonly also?: MonoTypeOperatorFunction<TrainingEvent>;
}

/** Trains a small network with all that a long run has beside it, and watches what stays. */
export async function soak(name: EngineName, { sampleEvery, also = identity, ...end }: SoakOptions): Promise<Soak> {
  setFlagsFromString('--expose-gc');
  setFlagsFromString('--no-flush-bytecode'); // what is let go for being old, strings among it, would hide as much that is kept
  const collect = runInNewContext('gc') as () => void;
  const { tf, close } = await engine(name);
  const before = tf.memory().numTensors;
  const seen: Sample[] = [];
  let last: ReadonlyMap<string, number> | undefined;
  let held = 0;
  const collected = new FinalizationRegistry(() => (held -= 1));
  const watch = <T extends object>(value: T): T => {
    held += 1;
    collected.register(value, undefined);
    return value;
  };
  const turn = () => new Promise(setImmediate);
  const look = async ({ type, globalStep }: TrainingEvent): Promise<void> => {
    if (type !== 'step' || globalStep % sampleEvery !== 0) return;
    for (let i = 0; i < 5; i++) await turn(); // a checkpoint that is being written
    collect();
    await turn(); // what has been collected is told of
    last = undefined;
    const { kept, compiled } = await heap();
    const bytes = [...kept.values()].reduce((a, b) => a + b);
    seen.push({ step: globalStep, bytes, compiled, tensors: tf.memory().numTensors, held });
    last = kept;
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
  const first = (await heap()).kept;
  await lastValueFrom(
    train(model, (epoch) => training.pipe(shuffle({ seed: 1, epoch }), batch(8), map(watch)), {
      loss: mse,
      optimizer: adamw({ learningRate: 1e-4 }),
      accumulate: 2,
      clipNorm: 1,
      skipNonFinite: true,
      ...end,
    }).pipe(
      validateEvery(PERIOD / 2, () => validation.pipe(batch(8))),
      checkpointEvery(PERIOD, memoryStore(), { keep: 2 }),
      ema('loss', { alpha: 0.02 }),
      ema('validation.loss', { alpha: 0.1 }),
      throughput(),
      tee((event) => void watch(event)),
      tee((event) => void (bytes += eventLine(event).length)),
      tee(() => Promise.resolve()),
      also,
      tee(look),
      logEvery(10),
    ),
  );
  model.dispose();
  for (let i = 0; i < 5; i++) await turn();
  const left = tf.memory().numTensors - before;
  close?.();
  const more = [...(last ?? [])].map(([kind, bytes]) => [kind, bytes - (first.get(kind) ?? 0)] as const);
  return { samples: seen, left, grown: more.sort(([, a], [, b]) => b - a).slice(0, 5) };
}
