import * as tf from '@tensorflow/tfjs';
import { from as ixFrom } from 'ix/asynciterable';
import { identity, lastValueFrom, NEVER, tap, toArray, type MonoTypeOperatorFunction } from 'rxjs';
import { describe, expect, it, vi } from 'vitest';

import { tee } from '../../operators/tee.js';
import { checkpointEvery } from '../../src/checkpoint/checkpointEvery.js';
import { latest } from '../../src/checkpoint/latest.js';
import { memoryStore } from '../../src/checkpoint/memoryStore.js';
import type { CheckpointStore } from '../../src/checkpoint/store.js';
import type { Batch } from '../../src/core/batch.js';
import type { TrainingEvent } from '../../src/core/events.js';
import type { Optimizer } from '../../src/core/optimizer.js';
import type { Checkpoint } from '../../src/core/snapshot.js';
import type { EpochSource } from '../../src/core/source.js';
import { skipCorrupt } from '../../src/data/skipCorrupt.js';
import { timeout } from '../../src/data/timeout.js';
import { adam } from '../../src/optim/adam.js';
import { train } from '../../src/trainer/train.js';
import { batchesOf, line, squaredError, type Line } from '../support/line.js';

/** Seven batches, a step each; every fault comes with the fifth, and checkpoints are made after steps 2 and 4. */
const FAULT = 5;
const good = (): Batch[] => batchesOf([1, 1, 1, 1, 1, 1, 1]);
/** Once the optimizer has made its state it fails at one update, as a device without memory does. */
const failingAdam = (): Optimizer => {
  const { update, ...rest } = adam({ learningRate: 0.05 });
  let updates = 0;
  return {
    ...rest,
    update: (...given) => {
      updates += 1;
      if (updates === FAULT) throw new RangeError('Array buffer allocation failed');
      return update(...given);
    },
  };
};
/** The model, with something to happen in its n-th pass; what it has computed by then is on the tape. */
const during = (model: Line, happens: () => void) => {
  let passes = 0;
  return {
    ...model,
    apply: (xs: tf.Tensor2D) => {
      const predictions = model.apply(xs, { training: true });
      passes += 1;
      if (passes === FAULT) happens();
      return predictions;
    },
  };
};
/** Identity, whose gradient fails in its n-th pass. */
const failingGradient = () => {
  let passes = 0;
  return (labels: tf.Tensor2D, predictions: tf.Tensor2D) =>
    tf.customGrad((x) => ({
      value: tf.clone(x as tf.Tensor),
      gradFunc: (dy: tf.Tensor) => {
        passes += 1;
        if (passes === FAULT) throw new RangeError('Array buffer allocation failed');
        return dy;
      },
    }))(squaredError(labels, predictions));
};
const endless = async function* () {
  yield* good().slice(0, FAULT - 1);
  await new Promise(() => undefined);
} as () => AsyncGenerator<Batch>;
const noop = (): void => undefined;
const outOfMemory = (): never => {
  throw new RangeError('Array buffer allocation failed');
};

interface Fault {
  readonly source?: () => EpochSource<Batch>;
  readonly model?: (model: Line) => Line;
  readonly options?: () => { readonly optimizer?: Optimizer; readonly loss?: typeof squaredError };
  readonly stage?: () => MonoTypeOperatorFunction<TrainingEvent>;
  readonly error: Record<string, unknown>;
}

const containing = (text: string) => expect.stringContaining(text) as string;
const faults: Record<string, Fault> = {
  'a source that throws': {
    source: () =>
      (function* () {
        yield* good().slice(0, FAULT - 1);
        throw new Error('disk gone');
      })(),
    error: { name: 'SourceError', batch: FAULT - 1, message: containing('failed after 4 batches: disk gone') },
  },
  'a source that hangs': {
    source: () => timeout({ ms: 20 })(endless()),
    error: { name: 'SourceError', batch: FAULT - 1, message: containing('value 5 is late') },
  },
  'a corrupt batch': {
    source: () => good().map((batch, i) => (i === FAULT - 1 ? { ...batch, ys: batchesOf([2])[0]!.ys } : batch)),
    error: { name: 'BatchError', microStep: FAULT, message: containing('micro-batch 5 must have one label') },
  },
  'a model that throws': {
    model: (model) => during(model, outOfMemory),
    error: { name: 'BatchError', microStep: FAULT, message: containing('allocation failed') },
  },
  'no memory for the gradients': {
    options: () => ({ loss: failingGradient() as never }),
    error: { name: 'StepError', stage: 'backward', globalStep: FAULT, microStep: FAULT, message: containing('allocation failed') }, // prettier-ignore
  },
  'no memory for the update': {
    options: () => ({ optimizer: failingAdam() }),
    error: { name: 'StepError', stage: 'optimizerStep', globalStep: FAULT, microStep: FAULT },
  },
  'a sink that throws': {
    stage: () => tee(({ globalStep }) => (globalStep === FAULT ? Promise.reject(new Error('disk full')) : undefined)),
    error: { name: 'SinkError', message: containing('the step event of global step 5, it failed: disk full') },
  },
  'a sink that never settles': {
    stage: () => tee(({ globalStep }) => (globalStep === FAULT ? NEVER : undefined), { timeoutMs: 20 }),
    error: { name: 'SinkError', message: containing('it took longer than 20 ms') },
  },
};

const run = (model: Line, store = memoryStore(), { source, options, stage }: Partial<Fault> = {}, from?: Checkpoint) =>
  train(model, source ? source() : good(), {
    loss: squaredError,
    optimizer: adam({ learningRate: 0.05 }),
    ...options?.(),
    ...(from && { from }),
  }).pipe(checkpointEvery(2, store, { whenBusy: 'wait' }), stage ? stage() : identity);

/** Waits until what had been begun to be saved is saved, and freed. */
const settled = (tensors: number, store: CheckpointStore, globalStep: number) =>
  vi.waitFor(async () => {
    expect(tf.memory().numTensors, 'tensors').toBe(tensors);
    expect((await store.list()).at(-1)).toMatch(`0000000${globalStep}-`);
  });

describe('a run that fails', () => {
  it.each(Object.entries(faults))('%s: says where, leaves no tensor, and loses nothing saved', async (_, fault) => {
    const whole = line();
    await lastValueFrom(run(whole));
    const model = line();
    const before = tf.memory().numTensors;
    const store = memoryStore();
    const error: unknown = await lastValueFrom(run(fault.model?.(model) ?? model, store, fault)).catch(
      (e: unknown) => e,
    );
    expect(error).toMatchObject(fault.error);
    await settled(before, store, 4);
    const from = await latest(store);
    expect(from).toMatchObject({ globalStep: 4 });
    // And from there it goes on, as if nothing had happened.
    await lastValueFrom(run(model, memoryStore(), {}, from));
    expect(model.read()).toStrictEqual(whole.read());
    model.dispose();
    whole.dispose();
  });

  it('passes over a corrupt batch, if it may, and trains on', async () => {
    const warned = vi.spyOn(console, 'warn').mockImplementation(noop);
    const model = line();
    const { source } = faults['a corrupt batch']!;
    const batches = ixFrom(source!() as Batch[]).pipe(skipCorrupt({ most: 1 }));
    expect(await lastValueFrom(run(model, memoryStore(), { source: () => batches }))).toMatchObject({ globalStep: 6 });
    expect(warned).toHaveBeenCalledTimes(1);
    warned.mockRestore();
    model.dispose();
  });
});

describe('a run that is unsubscribed in the midst of a fault', () => {
  const places: Record<string, (stop: () => void) => Partial<Fault>> = {
    'while the source hangs': (stop) => ({
      source: () =>
        (async function* () {
          yield* good().slice(0, FAULT - 1);
          setTimeout(stop, 1);
          await new Promise(() => undefined);
        })(),
    }),
    'while a hanging source is being timed': (stop) => ({
      source: () => (setTimeout(stop, 30), timeout({ ms: 60_000 })(endless())),
    }),
    'in the model’s pass': (stop) => ({ model: (model) => during(model, stop) }),
    'in the model’s pass, which throws then': (stop) => ({
      model: (model) => during(model, () => (stop(), outOfMemory())),
    }),
    'while a sink hangs': (stop) => ({
      stage: () => tee(({ globalStep }) => (globalStep === FAULT ? (setTimeout(stop, 1), NEVER) : undefined)),
    }),
    'in a sink that throws then': (stop) => ({
      stage: () => tee(({ globalStep }) => (globalStep === FAULT ? (stop(), outOfMemory()) : undefined)),
    }),
  };
  it.each(Object.entries(places))(
    '%s: is silent then, leaves no tensor, and loses nothing saved',
    async (name, place) => {
      const model = line();
      const before = tf.memory().numTensors;
      const store = memoryStore();
      const seen: unknown[] = [];
      await new Promise<void>((resolve) => {
        const stop = () => (run$.unsubscribe(), resolve());
        const fault = place(stop);
        const run$ = run(fault.model?.(model) ?? model, store, fault)
          .pipe(tap({ error: (error: unknown) => seen.push(error), complete: () => seen.push('complete') }))
          .subscribe({ error: noop });
      });
      await settled(before, store, name.includes('source') ? 2 : 4);
      expect(seen).toStrictEqual([]);
      model.dispose();
    },
  );
});

it('a sink that fails changes no weight before it ends the run', async () => {
  const [with_, without] = [line(), line()];
  await lastValueFrom(run(with_, memoryStore(), faults['a sink that throws']!).pipe(toArray())).catch(noop);
  await lastValueFrom(run(without, memoryStore(), { source: () => good().slice(0, FAULT) }));
  expect(with_.read()).toStrictEqual(without.read());
  [with_, without].forEach((model) => model.dispose());
});
