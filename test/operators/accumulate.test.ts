import { BehaviorSubject, defer, NEVER, of, retry, Subject } from 'rxjs';
import { describe, expect, it } from 'vitest';

import { accumulate } from '../../operators/accumulate.js';
import { ArgumentError, ModelError } from '../../src/core/errors.js';
import { RUN } from '../../src/core/run.js';
import { fakeWeights } from '../../src/testing/index.js';
import { microStep } from '../../src/testing/steps.js';
import { numbersOf } from '../../src/testing/numbersOf.js';
import { marbles } from '../support/marbles.js';

/** A micro-step with one gradient and a loss of the same value. */
const step = (value: number, weight = 1, globalStep = 0) =>
  microStep({ loss: value, gradients: [value], weight, globalStep });

describe('accumulate', () => {
  it(
    'emits the mean of each full window with all its losses, then the remainder on completion',
    marbles((m) => {
      const source = m.cold('  --a--b--c--d--e--|', { a: step(1), b: step(3), c: step(5), d: step(9), e: step(4) });
      const subs = '           ^----------------!';
      const expected = m.cold('-----x-----y-----(z|)', {
        x: { losses: [1, 3], gradients: [2], weight: 2, globalStep: 0 },
        y: { losses: [5, 9], gradients: [7], weight: 2, globalStep: 0 },
        z: { losses: [4], gradients: [4], weight: 1, globalStep: 0 },
      });

      m.expect(source.pipe(accumulate(2), numbersOf())).toBeObservable(expected);
      m.expect(source).toHaveSubscriptions(subs);
    }),
  );

  it(
    'weighs each micro-batch by its weight, and one without weight not at all',
    marbles((m) => {
      const source = m.cold('  abc|', { a: step(2, 3), b: step(6, 1), c: step(NaN, 0) });
      const expected = m.cold('--x|', { x: { losses: [2, 6, NaN], gradients: [3], weight: 4, globalStep: 0 } });

      m.expect(source.pipe(accumulate(3), numbersOf())).toBeObservable(expected);
    }),
  );

  it(
    'counts a first micro-batch without weight not at all, NaN or not',
    marbles((m) => {
      const source = m.cold('  ab|', { a: step(NaN, 0), b: step(6, 2) });
      const expected = m.cold('-x|', { x: { losses: [NaN, 6], gradients: [6], weight: 2, globalStep: 0 } });

      m.expect(source.pipe(accumulate(2), numbersOf())).toBeObservable(expected);
    }),
  );

  it(
    'completes at once on an empty source',
    marbles((m) => {
      m.expect(m.cold<never>('|').pipe(accumulate(2))).toBeObservable('|');
    }),
  );

  it(
    'never emits on a source that never does',
    marbles((m) => {
      m.expect(NEVER.pipe(accumulate(2))).toBeObservable('-');
    }),
  );

  it(
    'discards an unfilled window when the source errors',
    marbles((m) => {
      const source = m.cold('  a-#', { a: step(1) }, new Error('disk gone'));
      const expected = m.cold('--#', {}, new Error('disk gone'));

      m.expect(source.pipe(accumulate(2), numbersOf())).toBeObservable(expected);
    }),
  );

  it(
    'discards an unfilled window when it is unsubscribed',
    marbles((m) => {
      const source = m.cold('  a---b|', { a: step(1) });
      const unsub = '          --!';
      const subs = '           ^-!';

      m.expect(source.pipe(accumulate(2), numbersOf()), unsub).toBeObservable('---');
      m.expect(source).toHaveSubscriptions(subs);
    }),
  );

  it(
    'starts a fresh window when it is retried',
    marbles((m) => {
      const attempts = [m.cold('a-#', { a: step(9) }), m.cold('bc|', { b: step(1), c: step(3) })];
      const source = defer(() => attempts.shift()!);
      const expected = m.cold('---x|', { x: { losses: [1, 3], gradients: [2], weight: 2, globalStep: 0 } });

      m.expect(source.pipe(accumulate(2), retry(1), numbersOf())).toBeObservable(expected);
    }),
  );

  it(
    'drops the remainder if asked to',
    marbles((m) => {
      const source = m.cold('  abc|', { a: step(1), b: step(3), c: step(5) });
      const expected = m.cold('-x-|', { x: { losses: [1, 3], gradients: [2], weight: 2, globalStep: 0 } });

      m.expect(source.pipe(accumulate(2, { remainder: 'drop' }), numbersOf())).toBeObservable(expected);
    }),
  );

  it(
    'reads a schedule once per window, for the step that the window makes',
    marbles((m) => {
      const source = m.cold('  abcd|', { a: step(1), b: step(3, 1, 1), c: step(5, 1, 1), d: step(7, 1, 2) });
      const expected = m.cold('x-y-(z|)', {
        x: { losses: [1], gradients: [1], weight: 1, globalStep: 0 },
        y: { losses: [3, 5], gradients: [4], weight: 2, globalStep: 1 },
        z: { losses: [7], gradients: [7], weight: 1, globalStep: 2 },
      });

      m.expect(
        source.pipe(
          accumulate((globalStep) => globalStep),
          numbersOf(),
        ),
      ).toBeObservable(expected);
    }),
  );

  it(
    'lets an Observable change the window at its boundary only',
    marbles((m) => {
      const size = m.cold('    2--1|', { 2: 2, 1: 1 });
      const source = m.cold('  --a-b-c|', { a: step(1), b: step(3), c: step(5) });
      const expected = m.cold('----x-y|', {
        x: { losses: [1, 3], gradients: [2], weight: 2, globalStep: 0 },
        y: { losses: [5], gradients: [5], weight: 1, globalStep: 0 },
      });

      m.expect(source.pipe(accumulate(size), numbersOf())).toBeObservable(expected);
      m.expect(size).toHaveSubscriptions('^---!');
    }),
  );

  it.each([
    ['flush', [[1], [3, 5], [7]]],
    ['drop', [[3, 5]]],
    [
      'carry',
      [
        [1, 3],
        [5, 7],
      ],
    ],
  ] as const)('at the end of an epoch, %s makes windows %j', (remainder, windows) => {
    const epochEnd$ = new Subject<void>();
    const source = new Subject<ReturnType<typeof step>>();
    const seen: number[][] = [];
    source.pipe(accumulate(2, { remainder }), numbersOf()).subscribe(({ losses }) => seen.push(losses));
    const send = (value: number) => source.next({ ...step(value), [RUN]: run });
    const run = { epochEnd$ };
    send(1);
    epochEnd$.next();
    [3, 5, 7].forEach(send);
    epochEnd$.next();
    source.complete();

    expect(seen).toStrictEqual(windows);
    expect(epochEnd$.observed).toBe(false);
  });

  it.each([
    ['over', 'carry', [[1, 3], [5]]],
    ['over', 'flush', [[1], [3, 5]]],
    ['stopped', 'carry', [[1, 3]]],
    ['stopped', 'flush', [[1]]],
  ] as const)(
    'when the source is %s, %s makes windows %j of what is left, before it completes',
    (how, remainder, windows) => {
      const epochEnd$ = new Subject<void>();
      const source = new Subject<ReturnType<typeof step>>();
      const seen: number[][] = [];
      let ended: 'over' | 'stopped' | undefined = undefined;
      source
        .pipe(accumulate(remainder === 'carry' ? 2 : 3, { remainder }), numbersOf())
        .subscribe(({ losses }) => seen.push(losses));
      const send = (value: number) => source.next({ ...step(value), [RUN]: { epochEnd$, ended: () => ended } });
      send(1);
      epochEnd$.next();
      [3, 5].forEach(send);
      ended = how;
      if (how === 'over') epochEnd$.next();
      expect(seen).toStrictEqual(windows);
      source.complete();
      expect(seen).toStrictEqual(windows);
    },
  );

  it('says the oldest weights that its gradients come from', () => {
    const seen: number[] = [];
    of(step(1, 1, 3), step(1, 1, 5), step(1, 1, 4))
      .pipe(accumulate(3), numbersOf())
      .subscribe(({ globalStep }) => seen.push(globalStep));

    expect(seen).toStrictEqual([3]);
  });

  it('errors when two models meet in one window', () => {
    const steps = [step(1), microStep({ weights: fakeWeights() })];
    let error: unknown;
    of(...steps)
      .pipe(accumulate(2))
      .subscribe({ error: (e) => (error = e) });

    expect(error).toBeInstanceOf(ModelError);
  });

  it('errors when a schedule gives no positive integer, or an Observable nothing at once', () => {
    const errors: unknown[] = [];
    for (const size of [() => 0.5, NEVER, new BehaviorSubject(0)]) {
      of(step(1))
        .pipe(accumulate(size))
        .subscribe({ error: (e) => errors.push(e) });
    }

    expect(errors).toHaveLength(3);
    expect(errors.every((error) => error instanceof ArgumentError)).toBe(true);
  });

  it.each([0, -1, 1.5, NaN])('rejects %d micro-batches before anything is subscribed', (microBatches) => {
    expect(() => accumulate(microBatches)).toThrow(ArgumentError);
  });

  it('rejects a remainder that it does not know', () => {
    expect(() => accumulate(2, { remainder: 'keep' as 'carry' })).toThrow(
      "accumulate: remainder must be 'flush', 'drop' or 'carry', received 'keep'",
    );
  });
});
