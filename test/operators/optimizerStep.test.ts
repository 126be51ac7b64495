import * as tf from '@tensorflow/tfjs';
import { BehaviorSubject, of, Subject } from 'rxjs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { optimizerStep } from '../../operators/optimizerStep.js';
import { skipNonFinite } from '../../operators/skipNonFinite.js';
import { ArgumentError, ModelError, StaleGradientError } from '../../src/core/errors.js';
import { disposeTensors } from '../../src/core/batch.js';
import type { Optimizer } from '../../src/core/optimizer.js';
import { weightsOf, type Weights } from '../../src/core/weights.js';
import { adam } from '../../src/optim/adam.js';
import { numbersOf } from '../../src/testing/numbersOf.js';
import { fakeWeights, gradientStep } from '../../src/testing/steps.js';
import type { GradientStep } from '../../src/core/values.js';
import { line, type Line } from '../support/line.js';
import { marbles } from '../support/marbles.js';

/** weights − rate·gradients, and a count of its updates in the state. */
const plain = (learningRate: Optimizer['learningRate'] = 1): Optimizer => ({
  name: 'plain',
  learningRate,
  init: () => ({ count: tf.scalar(0) }),
  update: (gradients, { count }, weights, rate) => ({
    weights: tf.sub(weights, tf.mul(gradients, rate)),
    state: { count: tf.add(count!, 1) },
  }),
});

let model: Line;
let weights: Weights;
beforeEach(() => {
  model = line([1, 2], 3);
  weights = weightsOf(model);
});
afterEach(() => model.dispose());

const step = (gradients: number[], globalStep = 0) => gradientStep({ gradients, weights, globalStep });

describe('optimizerStep', () => {
  it(
    'assigns new weights to the variables and counts steps from 1',
    marbles((m) => {
      const own = line([1, 2], 3);
      const trained = weightsOf(own);
      const source = m.cold('  --a--b--|', {
        a: gradientStep({ gradients: [1, 1, 1], weights: trained }),
        b: gradientStep({ gradients: [0, 1, 2], weights: trained, globalStep: 1 }),
      });
      const expected = m.cold('--1--2--|', {
        1: { losses: [0], weight: 1, globalStep: 1 },
        2: { losses: [0], weight: 1, globalStep: 2 },
      });
      m.expect(source.pipe(optimizerStep(plain(0.5)), numbersOf())).toBeObservable(expected);
      m.flush();
      expect(own.read()).toStrictEqual([0.5, 1, 1.5]);
      own.dispose();
    }),
  );

  it('reads the learning rate for each step from a schedule or from an Observable, and says it', () => {
    const rate$ = new BehaviorSubject(0.5);
    for (const rate of [rate$, (globalStep: number) => (globalStep === 1 ? 0.5 : 0.25)]) {
      const source = new Subject<GradientStep>();
      const rates: number[] = [];
      const run = source.pipe(optimizerStep(plain(rate))).subscribe((result) => {
        rates.push(result.learningRate);
        disposeTensors(result);
      });
      source.next(step([1, 0, 0]));
      rate$.next(0.25);
      source.next(step([1, 0, 0], 1));
      run.unsubscribe();
      expect(rates).toStrictEqual([0.5, 0.25]);
    }
    expect(model.read()[0]).toBe(1 - 0.75 - 0.75);
    expect(rate$.observed).toBe(false);
  });

  it('refuses gradients of other weights, and changes nothing', () => {
    let error: unknown;
    of(step([1, 1, 1]), step([1, 1, 1]))
      .pipe(optimizerStep(plain()))
      .subscribe({ next: disposeTensors, error: (e) => (error = e) });

    expect(error).toBeInstanceOf(StaleGradientError);
    expect(error).toMatchObject({ computedAt: 0, globalStep: 1 });
    expect(model.read()).toStrictEqual([0, 1, 2]);
  });

  it('refuses gradients of a second model', () => {
    let error: unknown;
    of(step([1, 1, 1]), gradientStep({ gradients: [1], weights: fakeWeights(), globalStep: 1 }))
      .pipe(optimizerStep(plain()))
      .subscribe({ next: disposeTensors, error: (e) => (error = e) });

    expect(error).toBeInstanceOf(ModelError);
  });

  it('leaves weights and every slot as they are where skipNonFinite found NaN, and counts the step', () => {
    const states: number[] = [];
    const optimizer = adam({ learningRate: 0.1 });
    const watched: Optimizer = {
      ...optimizer,
      update: (gradients, state, before, rate) => {
        states.push(...Object.values(state).flatMap((slot) => [...slot.dataSync()]));
        return optimizer.update(gradients, state, before, rate);
      },
    };
    const results: number[] = [];
    const send = new Subject<GradientStep>();
    const run = send.pipe(skipNonFinite(), optimizerStep(watched)).subscribe((result) => {
      results.push(result.globalStep, result.finite!.dataSync()[0]!);
      disposeTensors(result);
    });
    send.next(step([1, 1, 1]));
    const after = model.read();
    states.length = 0;
    send.next(step([1, NaN, 1], 1));
    const before = [...states];
    expect(model.read()).toStrictEqual(after);
    states.length = 0;
    send.next(step([1, Infinity, 1], 2));
    expect(states).toStrictEqual(before);
    send.next(
      gradientStep({ gradients: [1, 1, 1], weights, globalStep: 3, microBatches: [{ loss: 1 }, { loss: NaN }] }),
    );
    expect(model.read()).toStrictEqual(after);
    send.next(step([1, 1, 1], 4));
    expect(model.read()).not.toStrictEqual(after);
    run.unsubscribe();

    expect(results).toStrictEqual([1, 1, 2, 0, 3, 0, 4, 0, 5, 1]);
  });

  it('frees everything when the optimizer throws', () => {
    const failing: Optimizer = {
      ...plain(),
      update: () => {
        tf.scalar(1);
        throw new Error('own fault');
      },
    };
    let error: unknown;
    of(step([1, 1, 1]))
      .pipe(optimizerStep(failing))
      .subscribe({ error: (e) => (error = e) });

    expect(error).toMatchObject({
      name: 'StepError',
      message: 'optimizerStep: failed at global step 1, micro-step 1: own fault',
    });
    expect(model.read()).toStrictEqual([1, 2, 3]);
  });

  it.each([undefined, {}, tf.train.sgd(0.1)])('rejects what is no optimizer', (optimizer) => {
    expect(() => optimizerStep(optimizer as never)).toThrow(ArgumentError);
  });

  it.each([-1, NaN, Infinity, '0.1' as never])('rejects a learning rate of %s', (rate) => {
    expect(() => optimizerStep(plain(rate))).toThrow(ArgumentError);
  });
});
