import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { thinned, type Point } from '../../src/plot/thinned.js';

const pointsOf = (values: readonly number[]): Point[] => values.map((y, x) => [x, y]);
const value = fc.oneof({ weight: 9, arbitrary: fc.integer({ min: -50, max: 50 }) }, fc.constant(NaN));

describe('thinned', () => {
  it('keeps few points as they are', () => {
    const points = pointsOf([3, 1, 2, 5, 4, 9, 7, 8]);
    expect(thinned(points, 2)).toStrictEqual(points);
  });

  it('keeps first, lowest, highest and last of each place, in their order', () => {
    const points = pointsOf([3, 9, 4, 1, 5, 2, /**/ 6, 6, 0, 7, 6, 6]);
    expect(thinned(points, 2).map(([x]) => x)).toStrictEqual([0, 1, 3, 5, /**/ 6, 8, 9, 11]);
  });

  it('keeps a gap, and the extremes beside it', () => {
    const points = pointsOf([NaN, 9, 4, NaN, 1, 5]);
    expect(thinned(points, 1)).toStrictEqual([points[0], points[1], points[3], points[4], points[5]]);
  });

  it('keeps both ends, every extreme and some of every gap, in at most five points a place', () => {
    fc.assert(
      fc.property(fc.array(value, { minLength: 1, maxLength: 300 }), fc.integer({ min: 1, max: 20 }), (ys, places) => {
        const points = pointsOf(ys);
        const kept = thinned(points, places);
        const finite = (of: readonly Point[]) => of.map(([, y]) => y).filter((y) => !Number.isNaN(y));

        expect(kept.length).toBeLessThanOrEqual(5 * places);
        expect(kept.map(([x]) => x)).toStrictEqual([...new Set(kept.map(([x]) => x))].sort((a, b) => a - b));
        expect([kept[0], kept.at(-1)]).toStrictEqual([points[0], points.at(-1)]);
        expect(Math.min(...finite(kept))).toBe(Math.min(...finite(points)));
        expect(Math.max(...finite(kept))).toBe(Math.max(...finite(points)));
        expect(kept.some(([, y]) => Number.isNaN(y))).toBe(ys.some(Number.isNaN));
        kept.forEach((point) => expect(points[point[0]]).toBe(point));
      }),
    );
  });
});
