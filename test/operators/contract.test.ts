import * as tf from '@tensorflow/tfjs';
import { NEVER, Observable, of, Subject, take, type OperatorFunction } from 'rxjs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import * as operators from '../../operators/index.js';
import { disposeTensors, type Batch } from '../../src/core/batch.js';
import type { Reduces } from '../../src/core/collective.js';
import { sgd } from '../../src/optim/sgd.js';
import { gradientStep, microStep, stepEvent, stepResult } from '../../src/testing/steps.js';
import type { Weights } from '../../src/core/weights.js';
import { marbles } from '../support/marbles.js';

let variable: tf.Variable;
let weights: Weights;
const model = {
  get variables() {
    return [variable];
  },
  apply: (xs: tf.Tensor) => tf.mul(xs, variable),
};
beforeAll(() => {
  variable = tf.variable(tf.tensor1d([1]));
  weights = { variables: [variable], slots: [{ name: 'w', shape: [1], size: 1 }], updates: 0 };
});
afterAll(() => variable.dispose());

const host = (value: number) => ({ data: Float32Array.of(value), shape: [1] });
const batch = (n: number): Batch => ({ xs: host(n), ys: host(n) });
const squaredError = (labels: tf.Tensor, predictions: tf.Tensor) => tf.square(tf.sub(labels, predictions));
const boom = () => {
  throw new Error('user function');
};
/** The n-th forward pass, not computed yet. */
const pass = (n: number) => ({
  batch: batch(n),
  model,
  weights,
  loss: squaredError,
  metrics: {},
  reducers: {},
  globalStep: () => 0,
});

/** A world of one that answers at once. */
const alone: Reduces = { rank: 0, worldSize: 1, allGather: (bytes) => of([bytes]), allReduceMean: () => of(1) };

interface Case {
  readonly operator: () => OperatorFunction<never, unknown>;
  /** The n-th value that it is sent; the first is 0. */
  readonly value: (n: number) => object;
  /** The same operator with a function of the user's that throws, where it takes one. */
  readonly throwing?: () => OperatorFunction<never, unknown>;
  /** What makes it throw, if it is the value that carries the user's function. */
  readonly throwingValue?: () => object;
  /** How many values make it emit. */
  readonly needs?: number;
  /** How many values it emits then. */
  readonly emits?: number;
}

/** Every operator, with what it is tried on. */
const cases: Record<string, Case> = {
  mergeReplicas: {
    operator: () => (source) => operators.mergeReplicas([source]),
    value: (n) => microStep({ microStep: n + 1 }),
    throwing: () => (source) => operators.mergeReplicas([source, NEVER], { due: boom }),
  },
  forward: { operator: () => operators.forward(model, squaredError), value: batch },
  backward: {
    operator: () => operators.backward(),
    value: pass,
    throwing: () => operators.backward(),
    throwingValue: () => ({ ...pass(0), loss: boom }),
  },
  retryWithSmallerBatches: {
    operator: () => operators.retryWithSmallerBatches(),
    value: pass,
  },
  accumulate: {
    operator: () => operators.accumulate(2),
    value: () => microStep(),
    needs: 2,
    throwing: () => operators.accumulate(boom),
  },
  gradientHistograms: {
    operator: () => operators.gradientHistograms(2),
    value: (n) => gradientStep({ globalStep: n }),
    throwing: () => operators.gradientHistograms(boom),
  },
  allReduce: {
    operator: () => operators.allReduce(alone),
    value: (n) => gradientStep({ globalStep: n }),
    throwing: () => operators.allReduce({ ...alone, allGather: boom }),
  },
  skipNonFinite: { operator: () => operators.skipNonFinite(), value: () => gradientStep() },
  clipByGlobalNorm: {
    operator: () => operators.clipByGlobalNorm(1),
    value: () => gradientStep({ gradients: [5] }),
    throwing: () => operators.clipByGlobalNorm(boom),
  },
  clipByValue: {
    operator: () => operators.clipByValue(1),
    value: () => gradientStep(),
    throwing: () => operators.clipByValue(boom),
  },
  optimizerStep: {
    operator: () => operators.optimizerStep(sgd({ momentum: 0.9 })),
    value: (n) => gradientStep({ weights, globalStep: n }),
    throwing: () => operators.optimizerStep(sgd({ learningRate: boom })),
  },
  trainStep: {
    operator: () =>
      operators.trainStep(model, {
        loss: squaredError,
        optimizer: sgd(),
        accumulate: 2,
        clipNorm: 1,
        skipNonFinite: true,
      }),
    value: batch,
    needs: 2,
    throwing: () => operators.trainStep(model, { loss: boom, optimizer: sgd() }),
  },
  validateEvery: {
    operator: () => operators.validateEvery(1000, NEVER),
    value: (n) => stepResult({ globalStep: n + 1 }),
    throwing: () => operators.validateEvery(boom, NEVER),
  },
  weightHistograms: {
    operator: () => operators.weightHistograms(1000),
    value: (n) => stepResult({ weights, globalStep: n + 1 }),
    throwing: () => operators.weightHistograms(boom),
  },
  averageWeights: {
    operator: () => operators.averageWeights({ decay: 0.5 }),
    value: (n) => stepResult({ weights, globalStep: n + 1 }),
    throwing: () => operators.averageWeights({ decay: boom }),
  },
  localSteps: {
    operator: () => operators.localSteps(alone, model, { every: 2 }),
    value: (n) => stepEvent(n + 1),
    needs: 2,
    emits: 2,
    throwing: () => operators.localSteps({ ...alone, allGather: boom }, model, { every: 1 }),
  },
  readback: {
    operator: () => operators.readback(2),
    value: (n) => stepResult({ globalStep: n + 1 }),
    needs: 2,
    emits: 2,
    throwing: () => operators.readback(),
    throwingValue: () => stepResult({ metrics: { m: 1 }, reducers: { m: boom } }),
  },
  changes: { operator: () => operators.changes(), value: (n) => stepEvent(n + 1) },
  ema: {
    operator: () => operators.ema('loss'),
    value: (n) => stepEvent(n + 1),
    throwing: () => operators.ema('loss', { alpha: boom }),
  },
  reduceOnPlateau: {
    operator: () => operators.reduceOnPlateau('loss', { patience: 1000 }),
    value: (n) => stepEvent(n + 1),
  },
  stopEarly: { operator: () => operators.stopEarly('loss', { patience: 1000 }), value: (n) => stepEvent(n + 1) },
  untilMetric: { operator: () => operators.untilMetric('loss', { atLeast: 1 }), value: (n) => stepEvent(n + 1) },
  maxDuration: { operator: () => operators.maxDuration('1h'), value: (n) => stepEvent(n + 1) },
  throughput: { operator: () => operators.throughput(), value: (n) => stepEvent(n + 1) },
  stepTimes: { operator: () => operators.stepTimes(), value: (n) => stepEvent(n + 1) },
  gate: { operator: () => operators.gate(NEVER), value: (n) => stepEvent(n + 1) },
  logEvery: {
    operator: () => operators.logEvery(1),
    value: (n) => stepEvent(n + 1),
    throwing: () => operators.logEvery(boom),
  },
  tee: {
    operator: () => operators.tee(() => undefined),
    value: (n) => stepEvent(n + 1),
    throwing: () => operators.tee(boom),
  },
  waitMap: {
    operator: () => operators.waitMap((value: object) => of(value)),
    value: (n) => stepEvent(n + 1),
    throwing: () => operators.waitMap(boom),
  },
};

/** What the subscriber of a run owns, it disposes. */
const own = disposeTensors;

describe.each(Object.entries(cases))(
  '%s keeps the operator contract',
  (_name, { operator, value, throwing, throwingValue = () => value(0), needs = 1, emits = 1 }) => {
    const piped = (source: Observable<object>, apply = operator) => apply()(source as Observable<never>);

    it(
      'completes on an empty source',
      marbles((m) => {
        m.expect(piped(m.cold('--|'))).toBeObservable('--|');
      }),
    );

    it(
      'passes an error on',
      marbles((m) => {
        m.expect(piped(m.cold('--#'))).toBeObservable('--#');
      }),
    );

    it(
      'stays silent on a silent source',
      marbles((m) => {
        m.expect(piped(NEVER)).toBeObservable('-');
      }),
    );

    it(
      'unsubscribes from its source when it is unsubscribed',
      marbles((m) => {
        const source = m.hot<object>('-----');
        m.expect(piped(source), '--!').toBeObservable('---');
        m.expect(source).toHaveSubscriptions('^-!');
      }),
    );

    it('emits once for each value that it needs, and for a remainder', () => {
      const emitted: unknown[] = [];
      const source = new Subject<object>();
      let completed = false;
      piped(source).subscribe({ next: (v) => (own(v), emitted.push(v)), complete: () => (completed = true) });
      for (let n = 0; n < 2 * needs; n++) source.next(value(n));
      expect(emitted).toHaveLength(2 * emits);
      if (needs > 1) source.next(value(2 * needs));
      source.complete();

      expect(completed).toBe(true);
      expect(emitted).toHaveLength(2 * emits + (needs > 1 ? 1 : 0));
    });

    it('frees what it holds when the source fails after any number of values', () => {
      for (let cut = 0; cut <= 2 * needs; cut++) {
        const source = new Subject<object>();
        let error: unknown;
        piped(source).subscribe({ next: own, error: (e) => (error = e) });
        for (let n = 0; n < cut; n++) source.next(value(n));
        source.error('cut');
        expect(error).toBe('cut');
      }
    });

    it('frees what it holds when it is unsubscribed after any number of values, and listens no more', () => {
      for (let cut = 0; cut <= 2 * needs; cut++) {
        const source = new Subject<object>();
        const run = piped(source).subscribe(own);
        for (let n = 0; n < cut; n++) source.next(value(n));
        run.unsubscribe();
        expect(source.observed).toBe(false);
      }
    });

    it('starts afresh for each subscription', () => {
      const pipe = new Subject<object>();
      const piped$ = piped(pipe);
      const counts = [0, 1].map(() => {
        let count = 0;
        const run = piped$.subscribe((v) => (own(v), (count += 1)));
        for (let n = 0; n < needs; n++) pipe.next(value(n));
        if (needs > 1) pipe.next(value(needs)); // left behind half-way
        run.unsubscribe();
        return count;
      });

      expect(counts).toStrictEqual([emits, emits]);
    });

    it('stops a synchronous source once nobody listens', () => {
      let sent = 0;
      const source = new Observable<object>((subscriber) => {
        while (!subscriber.closed && sent < 100) subscriber.next(value(sent++));
      });
      piped(source).pipe(take(1)).subscribe(own);

      expect(sent).toBe(needs);
    });

    if (!throwing) return; // it takes no function of the user's
    it('sends on what a user function throws, and frees what it holds', () => {
      const source = new Subject<object>();
      let error: unknown;
      piped(source, throwing).subscribe({ next: own, error: (e) => (error = e) });
      source.next(throwingValue());

      expect(String(error)).toContain('user function');
      expect(source.observed).toBe(false);
    });
  },
);

it('covers every operator', () => {
  const notOperators = ['fromPull', 'waitUntil', 'metric', 'mean', 'sum', 'max', 'last'];
  expect(Object.keys(cases).sort()).toStrictEqual(
    Object.keys(operators)
      .filter((name) => !notOperators.includes(name))
      .sort(),
  );
});
