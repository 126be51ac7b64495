import * as tf from '@tensorflow/tfjs';
import { firstValueFrom, lastValueFrom, map, Subject, take, tap, timer, toArray, type Observable } from 'rxjs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { accumulate } from '../../operators/accumulate.js';
import { backward } from '../../operators/backward.js';
import { clipByGlobalNorm } from '../../operators/clipByGlobalNorm.js';
import { validateEvery } from '../../operators/validateEvery.js';
import { forward } from '../../operators/forward.js';
import { optimizerStep } from '../../operators/optimizerStep.js';
import { readback } from '../../operators/readback.js';
import { skipNonFinite } from '../../operators/skipNonFinite.js';
import { trainStep } from '../../operators/trainStep.js';
import { ArgumentError, ModelError } from '../../src/core/errors.js';
import { fromPull } from '../../src/core/fromPull.js';
import { sparseSoftmaxCrossEntropy } from '../../src/losses/sparseSoftmaxCrossEntropy.js';
import { adam } from '../../src/optim/adam.js';
import { evaluate } from '../../src/trainer/evaluate.js';
import { predict } from '../../src/trainer/predict.js';
import { train } from '../../src/trainer/train.js';
import { batchesOf, batchOf, line, samples, squaredError, type Line } from '../support/line.js';

let model: Line;
beforeEach(() => void (model = line()));
afterEach(() => model.dispose());

const all = <T>(events$: Observable<T>): Promise<T[]> => lastValueFrom(events$.pipe(toArray()));
const optimizer = adam({ learningRate: 0.1 });
const options = { loss: squaredError, optimizer };

describe('train', () => {
  it('learns a line to its noise', async () => {
    const last = await lastValueFrom(
      train(model, batchesOf([8, 8, 8, 8]), { ...options, accumulate: 2, epochs: 60 }).pipe(take(120)),
    );
    const [w0, w1, b] = model.read();

    expect(last).toMatchObject({ type: 'step', globalStep: 120 });
    expect(w0).toBeCloseTo(2, 1);
    expect(w1).toBeCloseTo(-1, 1);
    expect(b).toBeCloseTo(0.5, 1);
  });

  it('ends after the epochs, the steps or the notifier it was given, and says which', async () => {
    const ends = async (limits: object) =>
      (await all(train(model, () => batchesOf([1, 1, 1]), { ...options, ...limits }))).at(-1);

    expect(await ends({})).toStrictEqual({ type: 'end', globalStep: 3, epoch: 1, reason: 'epochs' });
    expect(await ends({ epochs: 2 })).toStrictEqual({ type: 'end', globalStep: 6, epoch: 2, reason: 'epochs' });
    expect(await ends({ steps: 5 })).toStrictEqual({ type: 'end', globalStep: 5, epoch: 2, reason: 'steps' });
    expect(await ends({ epochs: 1, steps: 50 })).toStrictEqual({
      type: 'end',
      globalStep: 3,
      epoch: 1,
      reason: 'epochs',
    });
    expect(await ends({ until: timer(30) })).toMatchObject({ type: 'end', reason: 'until' });
  });

  it('stops after the step that is under way when the notifier emits', async () => {
    const stop$ = new Subject<void>();
    const seen: number[] = [];
    const events$ = train(model, () => batchesOf([1, 1, 1]), { ...options, until: stop$ }).pipe(
      tap((event) => {
        seen.push(event.globalStep);
        if (event.globalStep === 4) stop$.next();
      }),
    );
    expect(await lastValueFrom(events$)).toMatchObject({ reason: 'until', globalStep: 4 });
    expect(seen).toStrictEqual([1, 2, 3, 4, 4]);
    expect(stop$.observed).toBe(false);
  });

  it('finishes what is under way when the notifier emits, and drops the half-filled window', async () => {
    const stop$ = new Subject<void>();
    let passes = 0;
    const events = await all(
      train(model, () => batchesOf([1, 1, 1, 1]), {
        ...options,
        accumulate: 2,
        until: stop$,
        metrics: { pass: () => ((passes += 1) === 3 && stop$.next(), tf.scalar(0)) },
      }).pipe(validateEvery(1, () => batchesOf([1]), {})),
    );
    expect(events.map(({ type, globalStep }) => `${type} ${globalStep}`)).toStrictEqual([
      'step 1',
      'validation 1',
      'end 1',
    ]);
    expect(events.at(-1)).toMatchObject({ reason: 'until' });
  });

  it('can be subscribed to again: a fresh run on the weights as they are', async () => {
    const run$ = train(model, batchesOf([2, 2]), options);
    const counts = async () => (await all(run$)).map(({ globalStep }) => globalStep);

    expect(await counts()).toStrictEqual([1, 2, 2]);
    expect(await counts()).toStrictEqual([1, 2, 2]);
  });

  it('refuses at once what can never be valid', () => {
    expect(() => train({ variables: [], apply: () => undefined }, [], options)).toThrow(ModelError);
    expect(() => train(model, [], { ...options, steps: 0 })).toThrow(ArgumentError);
    expect(() => train(model, [], { ...options, epochs: -1 })).toThrow(ArgumentError);
    expect(() => train(model, [], { ...options, until: 'ctrl-c' as never })).toThrow(ArgumentError);
    expect(() => train(model, [], { ...options, accumulate: 0 })).toThrow(ArgumentError);
  });

  it('sends an error that names the micro-batch, the sample and the label, for labels out of range', async () => {
    const logits = {
      variables: model.variables,
      apply: (xs: tf.Tensor2D) => tf.matMul(model.apply(xs, { training: true }) as tf.Tensor2D, tf.ones([1, 3])),
    };
    const labelled = (ys: number[]) => ({ xs: batchOf(samples(2)).xs, ys: { data: Int32Array.from(ys), shape: [2] } });
    const run$ = train(logits, [labelled([0, 2]), labelled([1, 3])], { loss: sparseSoftmaxCrossEntropy, optimizer });

    await expect(all(run$)).rejects.toMatchObject({
      name: 'BatchError',
      microStep: 2,
      message: expect.stringMatching(/micro-batch 2 .*label 3 of sample 1/) as string,
    });
  });

  it('sends what the source lacks down the error channel', async () => {
    await expect(all(train(model, [], options))).rejects.toMatchObject({ name: 'SourceError', batch: 0 });
  });
});

describe('trainStep', () => {
  it('gives the events and weights of the stages it stands for', async () => {
    const other = line();
    const whole = await all(
      fromPull(batchesOf([2, 1, 3])).pipe(
        trainStep(model, { ...options, accumulate: 2, clipNorm: 0.5, skipNonFinite: true }),
        readback(),
      ),
    );
    const stages = await all(
      fromPull(batchesOf([2, 1, 3])).pipe(
        forward(other, squaredError),
        backward(),
        accumulate(2),
        skipNonFinite(),
        clipByGlobalNorm(0.5),
        optimizerStep(optimizer),
        readback(),
      ),
    );

    expect(JSON.stringify(whole)).toBe(JSON.stringify(stages));
    expect(model.read()).toStrictEqual(other.read());
    other.dispose();
  });
});

describe('evaluate', () => {
  it('gives loss and metrics over all samples, whatever the batches are', async () => {
    const error = (labels: tf.Tensor, predictions: tf.Tensor) => tf.reshape(tf.abs(tf.sub(labels, predictions)), [-1]);
    const over = (sizes: number[]) =>
      lastValueFrom(evaluate(model, batchesOf(sizes), { loss: squaredError, metrics: { error } }));
    const [ragged, whole] = [await over([3, 1, 2]), await over([6])];
    const [w0, w1, b] = model.read();
    const residuals = samples(6).map(({ x, y }) => x[0] * w0! + x[1] * w1! + b! - y);

    expect(ragged.samples).toBe(6);
    expect(whole.loss).toBeCloseTo(residuals.reduce((sum, r) => sum + r * r, 0) / 6, 6);
    expect(ragged.loss).toBeCloseTo(whole.loss, 6);
    expect(ragged.metrics['error']).toBeCloseTo(residuals.reduce((sum, r) => sum + Math.abs(r), 0) / 6, 6);
  });

  it('tells the model that it is not training', async () => {
    const told: boolean[] = [];
    const watched = {
      variables: model.variables,
      apply: (xs: tf.Tensor2D, { training }: { training: boolean }) => (
        told.push(training),
        model.apply(xs, { training }) as tf.Tensor
      ),
    };
    await lastValueFrom(evaluate(watched, batchesOf([1]), options));
    await lastValueFrom(predict(watched, batchesOf([1])));
    await lastValueFrom(train(watched, batchesOf([1]), options));

    expect(told).toStrictEqual([false, false, true]);
  });

  it('errors on empty data, on what does not fit, and where the loss is none', async () => {
    await expect(all(evaluate(model, [], options))).rejects.toMatchObject({ name: 'SourceError' });
    await expect(
      all(evaluate(model, [{ ...batchOf(samples(1)), xs: { data: new Float32Array(3), shape: [1, 3] } }], options)),
    ).rejects.toMatchObject({ name: 'BatchError' });
    expect(() => evaluate(model, [], { loss: 'mse' as never })).toThrow(ArgumentError);
  });

  it('frees everything when it is unsubscribed half-way', async () => {
    const run = evaluate(model, () => batchesOf([1, 1, 1, 1, 1, 1, 1, 1]), options).subscribe();
    await Promise.resolve();
    await Promise.resolve();
    run.unsubscribe();
    await new Promise((resolve) => setTimeout(resolve, 2));
    expect(run.closed).toBe(true);
  });
});

describe('predict', () => {
  it('gives the model’s outputs batch by batch, as plain arrays', async () => {
    const predictions = await all(predict(model, batchesOf([2, 1])));
    const [w0, w1, b] = model.read();
    const expected = samples(3).map(({ x }) => x[0] * w0! + x[1] * w1! + b!);

    expect(predictions.map(({ shape }) => shape)).toStrictEqual([
      [2, 1],
      [1, 1],
    ]);
    predictions.flatMap(({ data }) => [...data]).forEach((value, i) => expect(value).toBeCloseTo(expected[i]!, 6));
  });

  it('asks for a batch only when the last has been taken', async () => {
    let asked = 0;
    const endless = function* () {
      for (;;) {
        asked += 1;
        yield batchOf(samples(1));
      }
    };
    await firstValueFrom(predict(model, endless()).pipe(map(({ data }) => data)));
    expect(asked).toBeLessThanOrEqual(2);
  });

  it('errors where there are several outputs', async () => {
    const two = { variables: model.variables, apply: (xs: tf.Tensor2D) => [xs, tf.add(xs, 1)] };
    await expect(all(predict(two, batchesOf([1])))).rejects.toThrow('must have one output');
  });
});
