import { describe, expect, it } from 'vitest';

import { clipByGlobalNorm } from '../../operators/clipByGlobalNorm.js';
import { clipByValue } from '../../operators/clipByValue.js';
import { ArgumentError } from '../../src/core/errors.js';
import { disposeTensors } from '../../src/core/batch.js';
import { numbersOf } from '../../src/testing/numbersOf.js';
import { gradientStep } from '../../src/testing/steps.js';
import { marbles } from '../support/marbles.js';
import { of } from 'rxjs';

const says = (gradients: number[], globalStep = 0) => ({ losses: [0], gradients, weight: 1, globalStep });

describe('clipByGlobalNorm', () => {
  it(
    'scales gradients above the norm to it, and leaves those below as they are',
    marbles((m) => {
      const source = m.cold('  --a-b-c|', {
        a: gradientStep({ gradients: [6, 8] }),
        b: gradientStep({ gradients: [0.3, 0.4] }),
        c: gradientStep({ gradients: [0, 0] }),
      });
      const expected = m.cold('--x-y-z|', { x: says([0.6, 0.8]), y: says([0.3, 0.4]), z: says([0, 0]) });

      m.expect(source.pipe(clipByGlobalNorm(1), numbersOf())).toBeObservable(expected);
    }),
  );

  it('says the norm before any clipping, also behind another clip', () => {
    let norm = NaN;
    of(gradientStep({ gradients: [6, 8] }))
      .pipe(clipByGlobalNorm(5), clipByGlobalNorm(1))
      .subscribe((step) => {
        norm = step.gradientNorm!.dataSync()[0]!;
        disposeTensors(step);
      });
    expect(norm).toBe(10);
  });

  it(
    'reads a schedule for the step that is to come, and an Observable’s latest value',
    marbles((m) => {
      const limit = m.cold('   5-1|', { 5: 5, 1: 1 });
      const source = m.cold('  -a-b|', {
        a: gradientStep({ gradients: [10] }),
        b: gradientStep({ gradients: [10], globalStep: 1 }),
      });
      const expected = m.cold('-x-y|', { x: says([5]), y: says([1], 1) });
      const again = m.cold('   -a-b|', {
        a: gradientStep({ gradients: [10] }),
        b: gradientStep({ gradients: [10], globalStep: 1 }),
      });
      const scheduled = m.cold('-x-y|', { x: says([1]), y: says([2], 1) });

      m.expect(source.pipe(clipByGlobalNorm(limit), numbersOf())).toBeObservable(expected);
      m.expect(
        again.pipe(
          clipByGlobalNorm((globalStep) => globalStep),
          numbersOf(),
        ),
      ).toBeObservable(scheduled);
    }),
  );

  it('keeps NaN for whoever looks for it', () => {
    const seen: number[] = [];
    of(gradientStep({ gradients: [1, NaN] }))
      .pipe(clipByGlobalNorm(1), numbersOf())
      .subscribe(({ gradients }) => seen.push(...gradients!));
    expect(seen).toStrictEqual([NaN, NaN]);
  });
});

describe('clipByValue', () => {
  it(
    'limits each gradient on both sides',
    marbles((m) => {
      const source = m.cold('  --a|', { a: gradientStep({ gradients: [3, -0.5, -9] }) });
      const expected = m.cold('--x|', { x: says([1, -0.5, -1]) });

      m.expect(source.pipe(clipByValue(1), numbersOf())).toBeObservable(expected);
    }),
  );
});

it.each([clipByGlobalNorm, clipByValue])('%o rejects limits that can never be valid', (clip) => {
  for (const limit of [0, -1, NaN, Infinity, '1' as never]) expect(() => clip(limit)).toThrow(ArgumentError);
});
