import * as tf from '@tensorflow/tfjs';
import {
  BehaviorSubject,
  defer,
  delay,
  lastValueFrom,
  map,
  NEVER,
  of,
  tap,
  toArray,
  type MonoTypeOperatorFunction,
} from 'rxjs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { accumulate } from '../../operators/accumulate.js';
import { backward } from '../../operators/backward.js';
import { changes } from '../../operators/changes.js';
import { clipByGlobalNorm } from '../../operators/clipByGlobalNorm.js';
import { forward } from '../../operators/forward.js';
import { gradientHistograms } from '../../operators/gradientHistograms.js';
import { logEvery } from '../../operators/logEvery.js';
import { optimizerStep } from '../../operators/optimizerStep.js';
import { readback } from '../../operators/readback.js';
import { weightHistograms } from '../../operators/weightHistograms.js';
import type { HistogramEvent, StepEvent, TrainingEvent } from '../../src/core/events.js';
import { fromPull } from '../../src/core/fromPull.js';
import { RUN } from '../../src/core/run.js';
import { bindTensors, tensors, type Tensors } from '../../src/core/tensors.js';
import type { GradientStep } from '../../src/core/values.js';
import { sgd } from '../../src/optim/sgd.js';
import { gradientStep, stepEvent } from '../../src/testing/steps.js';
import { train } from '../../src/trainer/train.js';
import { batchesOf, line, squaredError, type Line } from '../support/line.js';
import { marbles } from '../support/marbles.js';

let model: Line;
let port: Tensors;
beforeEach(() => {
  model = line();
  port = tensors();
});
afterEach(() => {
  bindTensors(port);
  model.dispose();
});

const options = () => ({ loss: squaredError, optimizer: sgd({ learningRate: 0.1 }), accumulate: 2 });
const told = ({ type, globalStep, ...rest }: TrainingEvent): string =>
  type === 'histogram' ? `${(rest as HistogramEvent).name} ${globalStep}` : `${type} ${globalStep}`;
const isHistogram = (event: TrainingEvent): event is HistogramEvent => event.type === 'histogram';

describe('weightHistograms', () => {
  it('adds one event for each variable behind every n-th step, which logEvery lets through', async () => {
    const run$ = train(model, batchesOf([2, 2, 2, 2, 2, 2, 2, 2]), options());
    const events = await lastValueFrom(run$.pipe(weightHistograms(2), logEvery(3), toArray()));

    expect(events.map(told)).toStrictEqual([
      `weights/variable_1 2`,
      `weights/variable_2 2`,
      'step 3',
      `weights/variable_1 4`,
      `weights/variable_2 4`,
      'end 4',
    ]);
  });

  it('says how the weights after the step are spread, before readback, too', async () => {
    const seen: number[][] = [];
    const events = await lastValueFrom(
      fromPull(batchesOf([3, 3])).pipe(
        forward(model, squaredError),
        backward(),
        accumulate(1),
        optimizerStep(sgd({ learningRate: 0.1 })),
        tap(() => seen.push(model.read())),
        weightHistograms(1),
        readback(),
        toArray(),
      ),
    );

    const found = events.filter(isHistogram);
    expect(found.map(({ globalStep, edges, sum, counts }) => [globalStep, edges[0], edges.at(-1), sum, counts.length]))
      .toStrictEqual(
        seen.flatMap(([first, second, bias], i) => [
          [i + 1, Math.min(first!, second!), Math.max(first!, second!), first! + second!, 30],
          [i + 1, bias, bias, bias, 1],
        ]),
      ); // prettier-ignore
  });

  it('is of the averaged statistics of a layer, too, under the names of checkpoints', async () => {
    const layers = tf.sequential({
      layers: [tf.layers.batchNormalization({ inputShape: [2], name: 'norm' }), tf.layers.dense({ units: 1, name: 'out' })],
    }); // prettier-ignore
    const run$ = train(layers, batchesOf([4, 4]), options());
    const events = await lastValueFrom(run$.pipe(weightHistograms(1), toArray()));
    layers.dispose();

    expect(events.filter(isHistogram).map(({ name }) => name)).toStrictEqual([
      'weights/norm/gamma',
      'weights/norm/beta',
      'weights/out/kernel',
      'weights/out/bias',
      'weights/norm/moving_mean',
      'weights/norm/moving_variance',
    ]);
  });

  it(
    'gives the step at once, and has the source wait while the weights are read',
    marbles((m) => {
      const own = line();
      bindTensors({ ...port, read: (tensor) => of(tensor.dataSync()).pipe(delay(3)) });
      const at = (globalStep: number) => ({ ...stepEvent(globalStep), [RUN]: { model: own } });
      const source = m.cold('  1-2------3|', { 1: at(1), 2: at(2), 3: at(3) });
      const expected = m.cold('1-2--(WB)3|', { 1: 'step', 2: 'step', 3: 'step', W: 'histogram', B: 'histogram' });
      m.expect(source.pipe(weightHistograms(2), map(({ type }): string => type))).toBeObservable(expected); // prettier-ignore
      m.flush();
      own.dispose();
    }),
  );

  it('errors where the weights have moved on', () => {
    const step = { ...stepEvent(1), [RUN]: { model, globalStep: () => 3 } };
    let error: unknown;
    of(step)
      .pipe(weightHistograms(1))
      .subscribe({ error: (e) => (error = e) });

    expect(error).toMatchObject({ name: 'StaleStepError', expected: 1, globalStep: 3 });
  });

  it('can be thinned while it runs, and tells of it', async () => {
    const every$ = new BehaviorSubject(1);
    const run$ = train(model, batchesOf([2, 2, 2, 2]), { ...options(), accumulate: 1 });
    const thin = tap(({ type, globalStep }: TrainingEvent) => type === 'step' && globalStep === 2 && every$.next(4));
    const events = await lastValueFrom(run$.pipe(thin, weightHistograms(every$), toArray()));

    expect(events.map(told)).toStrictEqual(['step 1', `weights/variable_1 1`, `weights/variable_2 1`, 'change 2', 'step 2', 'step 3', 'step 4', `weights/variable_1 4`, `weights/variable_2 4`, 'end 4']); // prettier-ignore
  });

  it.each([0, 1.5])('refuses every %d steps', (every) => {
    expect(() => weightHistograms(every)).toThrow('weightHistograms: every must be a positive integer');
  });
});

describe('gradientHistograms', () => {
  it('is of the mean gradients of the window that makes the step, as events behind it', async () => {
    const gradients: number[][] = [];
    const spy = tap((step: GradientStep) => gradients.push([...step.gradients.dataSync()]));
    const events = (await lastValueFrom(
      fromPull(batchesOf([3, 3, 3, 3])).pipe(
        forward(model, squaredError),
        backward(),
        accumulate(2),
        spy as MonoTypeOperatorFunction<GradientStep>,
        gradientHistograms(2),
        clipByGlobalNorm(0.001),
        optimizerStep(sgd({ learningRate: 0.1 })),
        readback(),
        changes(),
        toArray(),
      ),
    )) as TrainingEvent[];

    expect(events.map(told)).toStrictEqual(['step 1', 'step 2', `gradients/variable_1 2`, `gradients/variable_2 2`]);
    const [first, second, bias] = gradients[1]!;
    expect(events.filter(isHistogram).map(({ edges }) => [edges[0], edges.at(-1)])).toStrictEqual([
      [Math.min(first!, second!), Math.max(first!, second!)],
      [bias, bias],
    ]);
    expect((events[1] as StepEvent).histograms).toBeUndefined();
  });

  it("goes into train as its reduce, and leaves the run's weights and steps as they are", async () => {
    const run = async (more: object) => {
      const own = line();
      const events = await lastValueFrom(
        train(own, batchesOf([2, 2, 2, 2]), { ...options(), ...more }).pipe(toArray()),
      );
      const weights = own.read();
      own.dispose();
      return { weights, steps: events.filter(({ type }) => type !== 'histogram').map((each) => ({ ...each, [RUN]: 0 })), count: events.length }; // prettier-ignore
    };
    const [without, watched] = [await run({}), await run({ reduce: gradientHistograms(1) })];

    expect(watched.count).toBe(without.count + 4);
    expect({ ...watched, count: 0 }).toStrictEqual({ ...without, count: 0 });
  });

  it('frees the step when it is unsubscribed, or fails, while the gradients are read', () => {
    const before = tf.memory().numTensors;
    for (const read of [
      () => NEVER,
      () =>
        defer(() => {
          throw new Error('lost');
        }),
    ]) {
      // prettier-ignore
      bindTensors({ ...port, read });
      let error: unknown;
      const run = of(gradientStep({ gradients: [1, 2] }))
        .pipe(gradientHistograms(1))
        .subscribe({ error: (e) => (error = e) });
      run.unsubscribe();
      if (error) expect(error).toMatchObject({ message: 'lost' });
    }
    expect(tf.memory().numTensors).toBe(before);
  });

  it.each([0, 1.5])('refuses every %d steps', (every) => {
    expect(() => gradientHistograms(every)).toThrow('gradientHistograms: every must be a positive integer');
  });
});
