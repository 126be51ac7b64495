import fc from 'fast-check';
import { from, of } from 'rxjs';
import { describe, expect, it } from 'vitest';

import { ema } from '../../operators/ema.js';
import { ArgumentError, NonFiniteError } from '../../src/core/errors.js';
import type { ChangeEvent, StepEvent, TrainingEvent } from '../../src/core/events.js';
import { stepEvent, validationEvent } from '../../src/testing/steps.js';
import { marbles } from '../support/marbles.js';

const micro = (...losses: number[]) => losses.map((loss) => ({ loss, weight: 1, metrics: { hit: loss * 10 } }));
const withLosses = (globalStep: number, ...losses: number[]) =>
  stepEvent(globalStep, { microBatches: micro(...losses), metrics: { hit: 0 } });

/** The averages that a pipe of `ema` adds. */
function averages(events: TrainingEvent[], ...args: Parameters<typeof ema>): number[] {
  const seen: number[] = [];
  from(events)
    .pipe(ema(...args))
    .subscribe((event) => {
      if ('ema' in event) seen.push(event.ema[args[0]]!);
    });
  return seen;
}

describe('ema', () => {
  it(
    'folds every micro-batch in, in order: the first seeds, alpha weighs the new value',
    marbles((m) => {
      const [one, two] = [withLosses(1, 0, 1), withLosses(2, 2, 3)];
      const source = m.cold('  --1--2--|', { 1: one, 2: two });
      const expected = m.cold('--A--B--|', { A: { ...one, ema: { loss: 0.5 } }, B: { ...two, ema: { loss: 2.125 } } });

      m.expect(source.pipe(ema('loss', { alpha: 0.5 }))).toBeObservable(expected);
    }),
  );

  it('averages metrics, the gradient norm and validations, each on its own, and passes other events through', () => {
    const norm = stepEvent(1, { gradientNorm: 8 });
    expect(averages([withLosses(1, 1, 2)], 'hit', { alpha: 0.5 })).toStrictEqual([15]);
    expect(averages([norm, { ...norm, gradientNorm: 4 }], 'gradientNorm', { alpha: 0.5 })).toStrictEqual([8, 6]);
    expect(
      averages([validationEvent(1, { loss: 4 }), validationEvent(2, { loss: 2 })], 'validation.loss', { alpha: 0.5 }),
    ).toStrictEqual([4, 3]);
    expect(averages([validationEvent(1, { metrics: { hit: 4 } })], 'validation.hit')).toStrictEqual([4]);
    const events: TrainingEvent[] = [validationEvent(1), { type: 'end', globalStep: 1, epoch: 1, reason: 'epochs' }];
    const passed: TrainingEvent[] = [];
    from(events)
      .pipe(ema('loss'))
      .subscribe((event) => passed.push(event));
    expect(passed).toStrictEqual(events);
  });

  it('keeps what other averages have added', () => {
    let seen: unknown;
    of(withLosses(1, 1))
      .pipe(ema('loss'), ema('hit'))
      .subscribe((event) => (seen = event.ema));
    expect(seen).toStrictEqual({ loss: 1, hit: 10 });
  });

  it('debiases: the same value over and over is its own average, and early values count alike', () => {
    const [constant] = averages([withLosses(1, 3, 3, 3)], 'loss', { alpha: 0.1, debias: true });
    expect(constant).toBeCloseTo(3, 12);
    const [two] = averages([withLosses(1, 1, 2)], 'loss', { alpha: 0.1, debias: true });
    expect(two).toBeCloseTo((0.9 * 0.1 * 1 + 0.1 * 2) / (1 - 0.9 ** 2), 12);
  });

  it('agrees with the closed form Σ alpha(1−alpha)^(n−i) x_i, whatever the windows are', () => {
    fc.assert(
      fc.property(
        fc.array(fc.array(fc.double({ min: -9, max: 9, noNaN: true }), { minLength: 1, maxLength: 4 }), {
          minLength: 1,
          maxLength: 9,
        }),
        (windows) => {
          const alpha = 0.3;
          const all = windows.flat();
          const closed = all.reduce(
            (sum, x, i) => sum + (i === 0 ? 1 : alpha) * (1 - alpha) ** (all.length - 1 - i) * x,
            0,
          );
          expect(
            averages(
              windows.map((losses, i) => withLosses(i + 1, ...losses)),
              'loss',
              { alpha },
            ).at(-1),
          ).toBeCloseTo(closed, 9);
        },
      ),
    );
  });

  it('skips, propagates or stops at NaN as it is told', () => {
    const events = [withLosses(1, 1, NaN), withLosses(2, 1)];
    expect(averages(events, 'loss')).toStrictEqual([1, 1]);
    expect(averages(events, 'loss', { nonFinite: 'propagate' })).toStrictEqual([NaN, NaN]);
    let error: unknown;
    from(events)
      .pipe(ema('loss', { nonFinite: 'error' }))
      .subscribe({ error: (e) => (error = e) });
    expect(error).toBeInstanceOf(NonFiniteError);
    expect(error).toMatchObject({ what: 'loss', globalStep: 1 });
  });

  it('passes over micro-batches without weight', () => {
    const event = stepEvent(1, {
      microBatches: [
        { loss: 4, weight: 1, metrics: {} },
        { loss: NaN, weight: 0, metrics: {} },
      ],
    });
    expect(averages([event], 'loss', { nonFinite: 'propagate' })).toStrictEqual([4]);
  });

  it(
    'reads alpha from a schedule or an Observable, for each step',
    marbles((m) => {
      const alpha = m.cold('   h-q|', { h: 0.5, q: 0.25 });
      const events = { a: withLosses(1, 0), b: withLosses(2, 8), c: withLosses(3, 0) };
      const source = m.cold('  ab-c---|', events);
      const expected = m.cold<StepEvent | ChangeEvent>('AB-(xC)|', {
        x: { type: 'change', globalStep: 3, epoch: 1, what: 'alpha.loss', from: 0.5, to: 0.25 },
        A: { ...events.a, ema: { loss: 0 } },
        B: { ...events.b, ema: { loss: 4 } },
        C: { ...events.c, ema: { loss: 3 } },
      });
      m.expect(source.pipe(ema('loss', { alpha }))).toBeObservable(expected);
    }),
  );

  it('errors where the events hold nothing of that name', () => {
    let error: unknown;
    of(withLosses(1, 0))
      .pipe(ema('acuracy'))
      .subscribe({ error: (e) => (error = e) });
    expect(error).toMatchObject({
      name: 'ArgumentError',
      message: "ema: 'acuracy' must be in the events, received step events with loss, hit",
    });
  });

  it.each([0, -1, 1.5, NaN])('rejects an alpha of %d', (alpha) => {
    expect(() => ema('loss', { alpha })).toThrow(ArgumentError);
  });

  it('rejects a policy that it does not know', () => {
    expect(() => ema('loss', { nonFinite: 'hide' as 'skip' })).toThrow(ArgumentError);
  });
});
