import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { ArgumentError } from '../../src/core/errors.js';
import type { Schedule } from '../../src/core/live.js';
import { constant, cosine, exponential, linear, oneCycle, sequence, step, warmup } from '../../src/optim/index.js';

const { schedules: expected } = JSON.parse(readFileSync(new URL('./vectors.json', import.meta.url), 'utf8')) as {
  schedules: Record<string, number[]>;
};

/** The values at steps `from` to `to`. */
const values = (schedule: Schedule, to: number, from = 1): number[] =>
  Array.from({ length: to - from + 1 }, (_, i) => schedule(from + i));

describe('as PyTorch has it, step by step', () => {
  const cases: Record<string, Schedule> = {
    linear: linear(0.02, 0.1, 8),
    cosine: cosine(0.1, 10, { end: 0.01 }),
    'warmup cosine': warmup(5, cosine(0.1, 10)),
    oneCycle: oneCycle(0.1, 20),
    'oneCycle late': oneCycle(0.1, 11, { peakAt: 0.5, start: 0.01, end: 0.002 }),
    step: step(0.1, { every: 3, factor: 0.5 }),
    exponential: exponential(0.1, { factor: 0.9 }),
  };

  it.each(Object.entries(cases))('%s', (name, schedule) => {
    const apart = expected[name]!.map((value, i) => Math.abs(schedule(i + 1) - value));
    expect(Math.max(...apart)).toBeLessThan(1e-12);
  });

  it('covers every schedule that PyTorch has written', () => {
    expect(Object.keys(cases)).toStrictEqual(Object.keys(expected));
  });
});

describe('constant', () => {
  it('has its value at every step', () => {
    expect(values(constant(0.5), 3)).toStrictEqual([0.5, 0.5, 0.5]);
  });
});

describe('linear', () => {
  it('starts at from, is one short of to at its last step, and stays at to', () => {
    expect(values(linear(0, 8, 4), 7)).toStrictEqual([0, 2, 4, 6, 8, 8, 8]);
  });

  it('goes down as well as up', () => {
    expect(values(linear(1, 0, 2), 4)).toStrictEqual([1, 0.5, 0, 0]);
  });

  it('over one step has both its ends', () => {
    expect(values(linear(3, 5, 1), 3)).toStrictEqual([3, 5, 5]);
  });
});

describe('cosine', () => {
  it('starts at the peak, has half of it in the middle, and stays at the end', () => {
    const schedule = cosine(3e-4, 10_000);
    expect(schedule(1)).toBe(3e-4);
    expect(schedule(5_001)).toBeCloseTo(1.5e-4, 12);
    expect(schedule(10_000)).toBeGreaterThan(0);
    expect([schedule(10_001), schedule(1e9)]).toStrictEqual([0, 0]);
  });

  it('goes no lower than the end it is given', () => {
    expect(values(cosine(1, 2, { end: 0.1 }), 4, 3)).toStrictEqual([0.1, 0.1]);
  });
});

describe('warmup', () => {
  it('rises in a straight line to where the next schedule begins', () => {
    expect(values(warmup(3, 8), 6)).toStrictEqual([2, 4, 6, 8, 8, 8]);
  });

  it('lets the next schedule count from 1', () => {
    expect(
      values(
        warmup(1, (globalStep) => globalStep * 10),
        4,
      ),
    ).toStrictEqual([5, 10, 20, 30]);
  });
});

describe('oneCycle', () => {
  it('starts at a 25th of the peak, has the peak at 30 %, and ends at its last step', () => {
    const schedule = oneCycle(1, 100);
    expect(schedule(1)).toBe(0.04);
    expect(schedule(30)).toBe(1);
    expect(schedule(100)).toBe(4e-6);
    expect(schedule(1000)).toBe(4e-6);
  });

  it('has the peak at step 1 if that is as early as it can be', () => {
    expect(values(oneCycle(1, 2, { peakAt: 0.1, end: 0 }), 3)).toStrictEqual([1, 0, 0]);
  });
});

describe('step', () => {
  it('multiplies after every so many steps', () => {
    expect(values(step(8, { every: 2, factor: 0.5 }), 6)).toStrictEqual([8, 8, 4, 4, 2, 2]);
  });
});

describe('exponential', () => {
  it('multiplies by the factor over so many steps, a little at each', () => {
    const schedule = exponential(8, { every: 2, factor: 0.25 });
    expect(values(schedule, 5)).toStrictEqual([8, 4, 2, 1, 0.5]);
  });
});

describe('sequence', () => {
  it('lets each part count from 1, the last without end', () => {
    const count: Schedule = (globalStep) => globalStep;
    expect(
      values(
        sequence([count, 2], [(s) => 10 * s, 3], (s) => 100 * s),
        7,
      ),
    ).toStrictEqual([1, 2, 10, 20, 30, 100, 200]);
  });

  it('of one part is that part', () => {
    expect(values(sequence(linear(0, 1, 2)), 3)).toStrictEqual([0, 0.5, 1]);
  });

  it('joins schedules without having a value twice', () => {
    expect(values(sequence([linear(0, 4, 4), 4], linear(4, 0, 4)), 9)).toStrictEqual([0, 1, 2, 3, 4, 3, 2, 1, 0]);
  });
});

describe('any schedule', () => {
  const peak = fc.double({ min: 1e-6, max: 10, noNaN: true });
  const steps = fc.integer({ min: 2, max: 500 });

  it('stays between its ends, and stays where it ended', () => {
    fc.assert(
      fc.property(peak, steps, fc.integer({ min: 1, max: 1000 }), (value, n, at) => {
        for (const schedule of [
          linear(value, 0, n),
          linear(0, value, n),
          cosine(value, n),
          oneCycle(value, n, { end: 0 }),
          warmup(n, value),
        ]) {
          expect(schedule(at)).toBeGreaterThanOrEqual(0);
          expect(schedule(at)).toBeLessThanOrEqual(value);
          expect(schedule(n + 1 + at)).toBe(schedule(n + 1));
        }
      }),
      { seed: 1 },
    );
  });
});

describe('bad arguments', () => {
  it.each<[string, () => Schedule]>([
    ['constant: value must be a finite number, received NaN', () => constant(NaN)],
    ['linear: from must be a finite number, received Infinity', () => linear(Infinity, 0, 1)],
    ['linear: to must be a finite number, received undefined', () => linear(1, undefined as never, 1)],
    ['linear: steps must be a positive integer, received 0', () => linear(1, 0, 0)],
    ['cosine: peak must be a finite number, received NaN', () => cosine(NaN, 1)],
    ['cosine: steps must be a positive integer, received 1.5', () => cosine(1, 1.5)],
    ['cosine: end must be a finite number, received NaN', () => cosine(1, 1, { end: NaN })],
    ['warmup: steps must be a positive integer, received -1', () => warmup(-1, 1)],
    ['warmup: then must be a schedule, received cosine', () => warmup(1, 'cosine' as never)],
    ['oneCycle: peak must be a finite number, received NaN', () => oneCycle(NaN, 10)],
    ['oneCycle: steps must be a positive integer, received 2.5', () => oneCycle(1, 2.5)],
    ['oneCycle: steps must be at least 2, received 1', () => oneCycle(1, 1)],
    ['oneCycle: peakAt must be above 0 and below 1, received 1', () => oneCycle(1, 10, { peakAt: 1 })],
    ['oneCycle: start must be a finite number, received NaN', () => oneCycle(1, 10, { start: NaN, end: 0 })],
    ['oneCycle: end must be a finite number, received NaN', () => oneCycle(1, 10, { end: NaN })],
    ['step: initial must be a finite number, received NaN', () => step(NaN, { every: 1, factor: 1 })],
    ['step: every must be a positive integer, received 0', () => step(1, { every: 0, factor: 1 })],
    ['step: factor must be a positive number, received 0', () => step(1, { every: 1, factor: 0 })],
    ['exponential: initial must be a finite number, received NaN', () => exponential(NaN, { factor: 1 })],
    ['exponential: every must be a positive integer, received 0.5', () => exponential(1, { every: 0.5, factor: 1 })],
    ['exponential: factor must be a positive number, received -1', () => exponential(1, { factor: -1 })],
    ['sequence: part 1 must be [schedule, steps], received 1', () => sequence(1 as never, constant(1))],
    ['sequence: the schedule of part 1 must be a schedule, received 1', () => sequence([1 as never, 1], constant(1))],
    [
      'sequence: the steps of part 2 must be a positive integer, received 0',
      () => sequence([constant(1), 1], [constant(1), 0], constant(1)),
    ],
    [
      'sequence: the last part must be a schedule, received undefined',
      () => sequence(...([] as unknown as [Schedule])),
    ],
  ])('%s', (message, make) => {
    expect(make).toThrow(new ArgumentError(message));
  });
});
