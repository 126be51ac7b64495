import * as tf from '@tensorflow/tfjs';
import type { Observable } from 'rxjs';
import { from, lastValueFrom, Subject, take, tap, toArray } from 'rxjs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { averageWeights, type AverageWeightsOptions } from '../../operators/averageWeights.js';
import { logEvery } from '../../operators/logEvery.js';
import { readback } from '../../operators/readback.js';
import { trainStep } from '../../operators/trainStep.js';
import { validateEvery } from '../../operators/validateEvery.js';
import { ArgumentError } from '../../src/core/errors.js';
import type { TrainingEvent, ValidationEvent } from '../../src/core/events.js';
import { fromPull } from '../../src/core/fromPull.js';
import type { Live } from '../../src/core/live.js';
import { disposeTensors } from '../../src/core/batch.js';
import type { StepResult } from '../../src/core/values.js';
import { weightsOf } from '../../src/core/weights.js';
import { sgd } from '../../src/optim/sgd.js';
import { stepEvent, stepResult } from '../../src/testing/steps.js';
import { evaluate } from '../../src/trainer/evaluate.js';
import { train } from '../../src/trainer/train.js';
import { batchesOf, batchOf, line, samples, squaredError, type Line } from '../support/line.js';
import { emitted, inRun, statefulRun } from '../support/state.js';

let model: Line;
beforeEach(() => void (model = line()));
afterEach(() => model.dispose());

const options = { loss: squaredError, optimizer: sgd({ learningRate: 0.1 }) };
const held = [batchOf(samples(4, 50))];
const batches = () => batchesOf([2, 2, 2, 2, 2, 2]);
const all = <T>(events$: Observable<T>): Promise<T[]> => lastValueFrom(events$.pipe(toArray()));

/** The model's weights after each step of a run that starts at `model`, which is set back. */
async function trajectory(): Promise<number[][]> {
  const own = line();
  const after: number[][] = [];
  await all(train(own, batches(), options).pipe(tap(({ type }) => type === 'step' && after.push(own.read()))));
  own.dispose();
  return after;
}
/** By hand, in doubles. */
const exponential = (values: number[][], decay: (step: number) => number): number[] =>
  values.slice(1).reduce((average, now, i) => average.map((a, k) => decay(i + 2) * a + (1 - decay(i + 2)) * now[k]!), values[0]!); // prettier-ignore
const mean = (values: number[][]): number[] =>
  values[0]!.map((_, k) => values.reduce((sum, each) => sum + each[k]!, 0) / values.length);
const expectClose = (actual: number[], expected: number[]): void =>
  actual.forEach((value, i) => expect(value).toBeCloseTo(expected[i]!, 6));

describe('averageWeights', () => {
  it.each<[string, AverageWeightsOptions, (weights: number[][]) => number[]]>([
    ['an exponential average', { decay: 0.9 }, (weights) => exponential(weights, () => 0.9)],
    [
      'one that a schedule warms up',
      { decay: (step) => Math.min(0.5, step / 10) },
      (weights) => exponential(weights, (step) => Math.min(0.5, step / 10)),
    ],
    ['the mean from a step on', { from: 3 }, (weights) => mean(weights.slice(2))],
    ['the mean of every other from a step on', { from: 2, every: 2 }, (w) => mean([w[1]!, w[3]!, w[5]!])],
    ['the last weights, from the last step on', { from: 6 }, (weights) => weights[5]!],
    ['the trained weights, if its first step never comes', { from: 7 }, (weights) => weights[5]!],
  ])('gives the model %s when the run is over', async (_, how, byHand) => {
    const weights = await trajectory();
    let whenComplete: number[] = [];
    const complete = () => (whenComplete = model.read());
    await all(train(model, batches(), options).pipe(averageWeights(how), tap({ complete })));

    expectClose(model.read(), byHand(weights));
    expect(whenComplete).toStrictEqual(model.read());
  });

  it('leaves the model as it is trained if it is not to adopt the average, bit for bit', async () => {
    const weights = await trajectory();
    await all(
      train(model, batches(), options).pipe(averageWeights({ decay: 0.9, adopt: false }), validateEvery(1, held)),
    );

    expect(model.read()).toStrictEqual(weights.at(-1));
  });

  it('validates the averaged weights behind it and the trained ones before it, and training goes on as without', async () => {
    const weights = await trajectory();
    const seen: number[][] = [];
    const losses = async (): Promise<number[]> => {
      const events = await all(
        train(model, batches(), options).pipe(
          validateEvery(2, held),
          averageWeights<TrainingEvent>({ decay: 0.5, adopt: false }),
          validateEvery(2, held),
          tap(() => seen.push(model.read())),
        ),
      );
      const validations = events.filter((event): event is ValidationEvent => event.type === 'validation');
      expect(validations.map((event) => event.weights)).toStrictEqual(['averaged', undefined, 'averaged', undefined, 'averaged', undefined]); // prettier-ignore
      return validations.map(({ loss }) => loss);
    };
    const received = await losses();
    const expected = [];
    for (const step of [2, 4, 6])
      for (const values of [exponential(weights.slice(0, step), () => 0.5), weights[step - 1]!]) {
        const own = line(values.slice(0, 2), values[2]);
        expected.push((await lastValueFrom(evaluate(own, held, options))).loss);
        own.dispose();
      }

    expectClose(received, expected);
    expect(seen.every((now) => weights.some((after) => after.join() === now.join()))).toBe(true);
  });

  it('averages the same before readback, whatever is read when', async () => {
    const run = async (every: number) => {
      const own = line();
      const validations = await all(
        fromPull(batches()).pipe(
          trainStep(own, options),
          averageWeights<StepResult>({ decay: 0.7 }),
          validateEvery(2, held),
          readback<StepResult | ValidationEvent>(every),
          logEvery<TrainingEvent>(100),
        ),
      );
      const outcome = [validations.map((event) => (event as ValidationEvent).loss), own.read()];
      own.dispose();
      return outcome;
    };
    const behind = await all(
      train(model, batches(), options).pipe(averageWeights({ decay: 0.7 }), validateEvery(2, held)),
    );
    const losses = behind.flatMap((event) => (event.type === 'validation' ? [event.loss] : []));

    expect(await run(1)).toStrictEqual([losses, model.read()]);
    expect(await run(4)).toStrictEqual([losses, model.read()]);
  });

  it('averages the statistics of a batch normalization, too', async () => {
    const norm = tf.sequential({ layers: [tf.layers.batchNormalization({ inputShape: [2] }), tf.layers.dense({ units: 1 })] }); // prettier-ignore
    const statistics = () => norm.layers[0]!.getWeights()[2]!.dataSync()[0]!;
    const after: number[] = [];
    await all(
      train(norm, batches(), options).pipe(
        averageWeights({ from: 1 }),
        tap(({ type }) => type === 'step' && after.push(statistics())),
      ),
    );

    expect(new Set(after).size).toBe(6);
    expect(statistics()).toBeCloseTo(after.reduce((a, b) => a + b) / 6, 6);
    norm.dispose();
  });

  it('gives the model the average when nobody listens any more, and frees everything', async () => {
    const weights = await trajectory();
    await all(train(model, batches(), options).pipe(averageWeights({ from: 1 }), take(3)));

    expectClose(model.read(), mean(weights.slice(0, 3)));
  });

  it('goes on with the average of a snapshot', async () => {
    const step = (globalStep: number, run: object) => inRun(stepResult({ globalStep, weights: weightsOf(model) }), run);
    const [source, rest] = [new Subject<StepResult>(), new Subject<StepResult>()];
    const before = statefulRun();
    const first = source.pipe(averageWeights({ from: 1, adopt: false })).subscribe(disposeTensors);
    for (const globalStep of [1, 2]) source.next(step(globalStep, before.run));
    const after = statefulRun(await before.held());
    first.unsubscribe();
    tf.tidy(() => model.b.assign(tf.tensor1d([3.125])));
    const second = rest.pipe(averageWeights({ from: 1 })).subscribe(disposeTensors);
    rest.next(step(3, after.run));
    second.unsubscribe();

    expect(model.read()).toStrictEqual([0.5, -0.25, 1.125]); // (2 · 0.125 + 3.125) / 3
  });

  it('errors where the weights have moved on, and where there are none', () => {
    const run = { model, globalStep: () => 2 };

    expect(emitted(from([inRun(stepEvent(1), run)]).pipe(averageWeights({ decay: 0.9 })))[0]).toMatchObject({
      name: 'StaleStepError',
      expected: 1,
      globalStep: 2,
    });
    expect(emitted(from([stepEvent(1)]).pipe(averageWeights({ decay: 0.9 })))[0]).toBeInstanceOf(ArgumentError);
  });

  it.each<[object, string]>([
    [{}, 'either decay or from must be given, received neither'],
    [{ decay: 0.9, from: 1 }, 'either decay or from must be given, received both'],
    [{ decay: 1 }, 'decay must be at least 0 and below 1, received 1'],
    [{ from: 0 }, 'from must be a positive integer'],
    [{ from: 1, every: 0.5 }, 'every must be a positive integer'],
    [{ decay: 'much' as unknown as Live }, 'must be a number, a schedule or an Observable'],
  ])('rejects %o', (how, message) => {
    expect(() => averageWeights(how as AverageWeightsOptions)).toThrow(message);
  });
});
