import * as tf from '@tensorflow/tfjs';
import fc from 'fast-check';
import { NEVER, of, Subject } from 'rxjs';
import { describe, expect, it } from 'vitest';

import { alongside } from '../../src/core/alongside.js';
import { disposeTensors, samplesOf, weightOf } from '../../src/core/batch.js';
import { last, max, mean, metric, sum } from '../../src/core/metric.js';
import { averageNext, averageOf, emptyAverage } from '../../src/core/movingAverage.js';
import { RUN, waitMap, waitUntil } from '../../src/core/run.js';
import { waits } from '../../src/core/waits.js';
import { weightedMean } from '../../src/core/weightedMean.js';
import { flatten, unflatten, weightsOf } from '../../src/core/weights.js';
import { line } from '../support/line.js';
import { marbles } from '../support/marbles.js';

describe('weightedMean', () => {
  it('lies between the values, and is their mean where all weigh alike (property)', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.double({ min: -9, max: 9, noNaN: true }), fc.double({ min: 0.1, max: 9, noNaN: true })), {
          minLength: 1,
        }),
        (pairs) => {
          const values = pairs.map(([value]) => value);
          const result = weightedMean(
            values,
            pairs.map(([, weight]) => weight),
          );
          expect(result).toBeGreaterThanOrEqual(Math.min(...values) - 1e-9);
          expect(result).toBeLessThanOrEqual(Math.max(...values) + 1e-9);
          expect(
            weightedMean(
              values,
              values.map(() => 2),
            ),
          ).toBeCloseTo(values.reduce((a, b) => a + b, 0) / values.length, 9);
        },
      ),
    );
  });

  it('takes no notice of what has no weight, and is NaN where nothing has', () => {
    expect(weightedMean([1, NaN], [2, 0])).toBe(1);
    expect(weightedMean([1], [0])).toBeNaN();
  });
});

describe('reducers', () => {
  it('do what they are called', () => {
    const values = [3, 1, 2];
    expect([mean, sum, max, last].map((reduce) => reduce(values, [1, 1, 2]))).toStrictEqual([2, 6, 3, 2]);
    expect(max([1, NaN], [1, 1])).toBeNaN();
    expect(() => metric('f1' as never)).toThrow('metric: compute must be a function');
    expect(() => metric(() => tf.scalar(0), 'mean' as never)).toThrow('metric: reduce must be a function');
  });
});

describe('movingAverage', () => {
  it('is NaN before the first value', () => {
    expect(averageOf(emptyAverage)).toBeNaN();
    expect(averageOf(averageNext(emptyAverage, 5, 0.1, false))).toBe(5);
  });
});

describe('weights as one vector', () => {
  it('keep their order and shapes there and back, and are the same object for the same model', () => {
    const model = line([1, 2], 3);
    const weights = weightsOf(model);
    const flat = flatten(weights.variables);
    const parts = unflatten(flat, weights.slots);

    expect([...flat.dataSync()]).toStrictEqual([1, 2, 3]);
    expect(parts.map(({ shape }) => shape)).toStrictEqual([[2, 1], [1]]);
    expect(weightsOf(model)).toBe(weights);
    tf.dispose([flat, parts]);
    model.dispose();
  });
});

describe('batches', () => {
  it('count their samples, and weigh what they say', () => {
    const xs = { data: new Float32Array(6), shape: [3, 2] };
    expect(samplesOf({ xs: [xs], ys: xs })).toBe(3);
    expect([
      weightOf({ xs, ys: xs }),
      weightOf({ xs, ys: xs, weight: 7 }),
      weightOf({ xs, ys: xs, weight: [1, 2, 4] }),
    ]).toStrictEqual([3, 7, 7]);
  });

  it('are disposed at any depth, but no variable, and nothing twice', () => {
    const variable = tf.tidy(() => tf.variable(tf.scalar(1)));
    const tensor = tf.scalar(2);
    disposeTensors({ a: [tensor, { b: variable, c: tensor }], d: null, e: new Map(), f: Float32Array.of(1) });
    expect([tensor.isDisposed, variable.isDisposed]).toStrictEqual([true, false]);
    variable.dispose();
  });
});

describe('waitMap and waitUntil', () => {
  it(
    'work one after the other in order, and values that wait for their turn are kept',
    marbles((m) => {
      const source = m.cold('  ab---c|', { a: { n: 1 }, b: { n: 2 }, c: { n: 3 } });
      const expected = m.cold('--a--b--c|', { a: { n: 1 }, b: { n: 2 }, c: { n: 3 } });
      m.expect(source.pipe(waitMap((value) => m.cold('--x|', { x: value })))).toBeObservable(expected);
    }),
  );

  it('dispose what still waits when the run ends, and what the project threw on', () => {
    const source = new Subject<{ x: tf.Tensor }>();
    const run = source.pipe(waitMap(() => NEVER)).subscribe();
    const [taken, waiting, thrown] = [tf.scalar(1), tf.scalar(2), tf.scalar(3)];
    source.next({ x: taken });
    source.next({ x: waiting });
    run.unsubscribe();
    of({ x: thrown })
      .pipe(
        waitMap(() => {
          throw new Error('own fault');
        }),
      )
      .subscribe({ error: () => undefined });

    expect([taken, waiting, thrown].map(({ isDisposed }) => isDisposed)).toStrictEqual([false, true, true]);
    taken.dispose();
  });

  it('wait for nothing where there is no source that waits', () => {
    expect(() => waitUntil({}, Promise.resolve())).not.toThrow();
  });

  it('wait until a promise has settled, however it has', async () => {
    const { hold, isWaiting } = waits();
    for (const promise of [Promise.resolve(), Promise.reject(new Error('reported by whoever made it'))]) {
      waitUntil({ [RUN]: { hold } }, promise);
      expect(isWaiting()).toBe(true);
      await promise.catch(() => undefined);
      await Promise.resolve();
      expect(isWaiting()).toBe(false);
    }
  });
});

describe('alongside', () => {
  it(
    'runs for as long as the source does, and its end changes nothing',
    marbles((m) => {
      const side = m.cold('    x--x---x', { x: 9 });
      const short = m.cold('   x|', { x: 9 });
      const expected = m.cold('xa-xb-|', { x: 9, a: 1, b: 2 });
      m.expect(m.cold('-a--b-|', { a: 1, b: 2 }).pipe(alongside(side))).toBeObservable(expected);
      m.expect(side).toHaveSubscriptions('^-----!');
      m.expect(m.cold('-a--b-|', { a: 1, b: 2 }).pipe(alongside(short))).toBeObservable('xa--b-|', {
        x: 9,
        a: 1,
        b: 2,
      });
    }),
  );
});
