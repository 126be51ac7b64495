import * as tf from '@tensorflow/tfjs';
import {
  concat,
  EMPTY,
  ignoreElements,
  lastValueFrom,
  NEVER,
  of,
  Subject,
  tap,
  throwError,
  toArray,
  type Observable,
} from 'rxjs';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';

import { readback } from '../../operators/readback.js';
import { trainStep } from '../../operators/trainStep.js';
import { fromPull } from '../../src/core/fromPull.js';
import { waitMap } from '../../src/core/run.js';
import { weightsOf as weightVectorOf } from '../../src/core/weights.js';
import { engine } from '../../src/engine/engine.js';
import { mse } from '../../src/losses/mse.js';
import { adam } from '../../src/optim/adam.js';
import { fork } from '../../src/trainer/fork.js';
import { train } from '../../src/trainer/train.js';
import { batchesOf, line, samples, batchOf, squaredError, type Line } from '../support/line.js';

/** A network whose batch norm has averages that no optimizer touches. */
function network(): tf.LayersModel {
  const [first, second] = [1, 2].map((seed) => tf.initializers.glorotUniform({ seed }));
  return tf.sequential({
    layers: [
      tf.layers.dense({ inputShape: [2], units: 4, activation: 'tanh', kernelInitializer: first! }),
      tf.layers.batchNormalization(),
      tf.layers.dropout({ rate: 0.2 }),
      tf.layers.dense({ units: 1, kernelInitializer: second! }),
    ],
  });
}

const bitsOf = (model: tf.LayersModel): Uint8Array[] =>
  model.weights.map((weight) => new Uint8Array((weight.read().dataSync() as Float32Array).slice().buffer));
const options = { loss: mse, optimizer: adam({ learningRate: 0.1 }), accumulate: 2 };

describe.each(['cpu', 'wasm'] as const)('fork on %s', (name) => {
  let model: tf.LayersModel;
  let before: Uint8Array[];
  beforeAll(() => engine(name));
  afterAll(() => engine('cpu'));
  beforeEach(() => {
    model = network();
    before = bitsOf(model);
  });
  afterEach(() => model.dispose());
  const work = () => train(model, batchesOf([3, 2, 3, 1]), options);

  it('gives what the work gives, and the model back, batch norm and all, before its end is heard', async () => {
    const during: Uint8Array[][] = [];
    const atEnd: Uint8Array[][] = [];
    const events = await lastValueFrom(
      fork(model, work).pipe(
        tap({ next: () => during.push(bitsOf(model)), complete: () => atEnd.push(bitsOf(model)) }),
        toArray(),
      ),
    );

    expect(events.map(({ type }) => type)).toStrictEqual(['step', 'step', 'end']);
    expect(during[0]!.filter((bits, i) => String(bits) === String(before[i]))).toStrictEqual([]); // all 8 had changed
    expect(atEnd).toStrictEqual([before]);
  });

  it('gives the model back when the work fails, before that is heard', async () => {
    const wrong = [...batchesOf([3, 2]), { ...batchOf(samples(1)), xs: { data: new Float32Array(3), shape: [1, 3] } }];
    const seen: Uint8Array[][] = [];
    const failing = fork(model, () => train(model, wrong, options)).pipe(
      tap({ error: () => seen.push(bitsOf(model)) }),
    );

    await expect(lastValueFrom(failing)).rejects.toMatchObject({ name: 'BatchError' });
    expect(seen).toStrictEqual([before]);
    await expect(lastValueFrom(fork(model, () => throwError(() => new Error('mine'))))).rejects.toThrow('mine');
  });

  it('gives the model back when it is unsubscribed', async () => {
    await new Promise<void>((resolve) => {
      const run = fork(model, work).subscribe(() => {
        run.unsubscribe();
        resolve();
      });
    });

    expect(bitsOf(model)).toStrictEqual(before);
  });
});

describe('fork', () => {
  let model: Line;
  beforeEach(() => (model = line()));
  afterEach(() => model.dispose());

  it('leaves a run that waits for it as if nothing had been', async () => {
    const other = line();
    const run = (own: Line, stage: () => Observable<never>) =>
      lastValueFrom(
        fromPull(batchesOf([2, 2, 2, 2])).pipe(
          trainStep(own, { loss: squaredError, optimizer: adam() }),
          waitMap((step) => concat(stage(), of(step))),
          readback(),
          toArray(),
        ),
      );
    let tried = 0;
    const forked = await run(model, () =>
      fork(model, () => train(model, batchesOf([1, 3]), { loss: squaredError, optimizer: adam() })).pipe(
        tap(() => (tried += 1)),
        ignoreElements(),
      ),
    );
    const plain = await run(other, () => EMPTY);

    expect(tried).toBe(4 * 3);
    expect(JSON.stringify(forked)).toBe(JSON.stringify(plain));
    expect(model.read()).toStrictEqual(other.read());
    expect(weightVectorOf(model).updates).toBe(4);
    other.dispose();
  });

  it('draws the same numbers in a run after it as without it', () => {
    const draws = Math.random;
    fork(model, () => NEVER)
      .subscribe()
      .unsubscribe();
    expect(Math.random).toBe(draws);
  });

  it('gives the model back before the end of work that is over at once', () => {
    const seen: number[][] = [];
    fork(model, () => (tf.tidy(() => model.b.assign(tf.tensor1d([7]))), of(1))).subscribe({
      next: () => seen.push(model.read()),
      complete: () => seen.push(model.read()),
    });

    expect(seen).toStrictEqual([
      [0.5, -0.25, 7],
      [0.5, -0.25, 0.125],
    ]);
  });

  it('works one after the other, and refuses two at a time', async () => {
    const first = new Subject<number>();
    const run = fork(model, () => first).subscribe();
    await expect(lastValueFrom(fork(model, () => of(1)))).rejects.toMatchObject({ name: 'ModelError' });
    run.unsubscribe();
    const two$ = concat(
      fork(model, () => of(1)),
      fork(model, () => Promise.resolve(2)),
      fork(model, () => [3]),
    );

    expect(await lastValueFrom(two$.pipe(toArray()))).toStrictEqual([1, 2, 3]);
  });

  it('sends on what a function that throws has thrown', async () => {
    const boom = () => {
      tf.tidy(() => model.w.assign(tf.zeros([2, 1])));
      throw new Error('user function');
    };
    await expect(lastValueFrom(fork(model, boom))).rejects.toThrow('user function');
    expect(model.read()).toStrictEqual([0.5, -0.25, 0.125]);
  });

  it('leaves a model alone that has been disposed meanwhile', () => {
    const gone = line();
    const run = fork(gone, () => NEVER).subscribe();
    gone.dispose();
    run.unsubscribe();
    expect(gone.w.isDisposed).toBe(true);
  });
});
