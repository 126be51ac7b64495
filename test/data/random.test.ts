import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { ArgumentError } from '../../src/core/errors.js';
import { randomFromState, seededRandom, type Random } from '../../src/data/random.js';

const floats = (random: Random, n = 5): number[] => Array.from({ length: n }, () => random.nextFloat());

describe('seededRandom', () => {
  it('gives the same numbers for the same seed and salt', () => {
    expect(floats(seededRandom(7, 'shuffle', 1))).toStrictEqual(floats(seededRandom(7, 'shuffle', 1)));
  });

  it('gives the numbers it has always given', () => {
    // Changing them would change every run that has a seed.
    expect(seededRandom(7, 'shuffle', 1).state).toStrictEqual([-1983176127, -1039684168, 893471719, -464655155]);
    expect(floats(seededRandom(7), 4).map((x) => x.toFixed(2))).toStrictEqual(['0.75', '0.39', '0.47', '0.41']);
  });

  it('gives other numbers for each seed, neighbours, 0, negative and large ones included', () => {
    const seeds = [0, 1, 2, -1, 2 ** 32, 2 ** 32 + 1, Number.MAX_SAFE_INTEGER];
    const firsts = seeds.map((seed) => seededRandom(seed).nextFloat());

    expect(new Set(firsts).size).toBe(seeds.length);
  });

  it('gives other numbers for each salt', () => {
    const salts = [[], [1], [2], ['1'], [1, 2], [12], ['a'], ['a', 'b'], ['ab']];
    const firsts = salts.map((salt) => seededRandom(0, ...salt).nextFloat());

    expect(new Set(firsts).size).toBe(salts.length);
  });

  it('spreads the first numbers of neighbouring seeds evenly', () => {
    const bins = new Array<number>(10).fill(0);
    for (let seed = 0; seed < 10_000; seed += 1) bins[Math.floor(seededRandom(seed).nextFloat() * 10)]! += 1;

    bins.forEach((count) => expect(Math.abs(count - 1000)).toBeLessThan(150)); // five standard deviations
  });

  it('gives floats from 0 to below 1 with the mean and the variance they must have', () => {
    const values = floats(seededRandom(1), 20_000);
    const mean = values.reduce((sum, x) => sum + x, 0) / values.length;
    const variance = values.reduce((sum, x) => sum + (x - mean) ** 2, 0) / values.length;

    expect(values.every((x) => x >= 0 && x < 1)).toBe(true);
    expect(mean).toBeCloseTo(1 / 2, 2);
    expect(variance).toBeCloseTo(1 / 12, 2);
  });

  it('gives every whole number below the bound, about equally often', () => {
    const random = seededRandom(1);
    const counts = [0, 0, 0];
    for (let i = 0; i < 3000; i += 1) counts[random.nextInt(3)]! += 1;

    expect(counts.reduce((sum, count) => sum + count)).toBe(3000);
    counts.forEach((count) => expect(Math.abs(count - 1000)).toBeLessThan(130));
  });

  it('gives whole numbers below any bound', () => {
    fc.assert(
      fc.property(fc.maxSafeInteger(), fc.integer({ min: 1, max: 2 ** 40 }), (seed, bound) => {
        const value = seededRandom(seed).nextInt(bound);
        expect(Number.isInteger(value) && value >= 0 && value < bound).toBe(true);
      }),
    );
  });

  it.each([0.5, NaN, Infinity, 2 ** 53])('rejects the seed %d', (seed) => {
    expect(() => seededRandom(seed)).toThrow(ArgumentError);
  });

  it.each([0, -1, 1.5, NaN])('rejects the bound %d', (bound) => {
    expect(() => seededRandom(1).nextInt(bound)).toThrow(ArgumentError);
  });
});

describe('randomFromState', () => {
  it('goes on where another generator stood, through JSON', () => {
    fc.assert(
      fc.property(fc.maxSafeInteger(), fc.nat({ max: 20 }), (seed, before) => {
        const random = seededRandom(seed);
        floats(random, before);
        const saved = JSON.stringify(random.state);
        const expected = [...floats(random), random.nextInt(1000)];

        const again = randomFromState(JSON.parse(saved));
        expect([...floats(again), again.nextInt(1000)]).toStrictEqual(expected);
      }),
    );
  });

  it('leaves the state it was given as it was', () => {
    const { state } = seededRandom(1);
    const copy = [...state];
    floats(randomFromState(state));

    expect(state).toStrictEqual(copy);
  });

  it.each([[[1, 2, 3]], [[1, 2, 3, 4.5]], [[0, 0, 0, 0]], ['abcd'], [undefined]])('rejects the state %j', (state) => {
    expect(() => randomFromState(state as never)).toThrow(ArgumentError);
  });
});
