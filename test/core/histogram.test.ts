import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { histogramOf } from '../../src/core/histogram.js';

describe('histogramOf', () => {
  it('counts in 30 bins from the smallest to the largest, which is in the last', () => {
    const { edges, counts, ...rest } = histogramOf('w', [0, 1, 1.5, 29.9, 30]);

    expect(edges).toStrictEqual(Array.from({ length: 31 }, (_, i) => i));
    expect(counts.map((count, bin) => [bin, count]).filter(([, count]) => count! > 0)).toStrictEqual([
      [0, 1],
      [1, 2],
      [29, 2],
    ]);
    expect(rest).toStrictEqual({ name: 'w', sum: 62.4, sumOfSquares: 1 + 2.25 + 29.9 ** 2 + 900, nonFinite: 0 });
  });

  it('has one bin without width where all are the same, and none where nothing is finite', () => {
    expect(histogramOf('b', [2, 2, NaN])).toStrictEqual({ name: 'b', edges: [2, 2], counts: [2], sum: 4, sumOfSquares: 8, nonFinite: 1 }); // prettier-ignore
    expect(histogramOf('b', [NaN, -Infinity])).toStrictEqual({ name: 'b', edges: [], counts: [], sum: 0, sumOfSquares: 0, nonFinite: 2 }); // prettier-ignore
  });

  it('has every finite number in one bin, between whose edges it lies but for rounding', () => {
    fc.assert(
      fc.property(fc.float32Array({ minLength: 1, maxLength: 200 }), (values) => {
        const { edges, counts, nonFinite } = histogramOf('x', values);
        const finite = [...values].filter(Number.isFinite).sort((a, b) => a - b);
        expect(counts.reduce((sum, count) => sum + count, 0)).toBe(finite.length);
        expect(nonFinite).toBe(values.length - finite.length);
        if (finite.length === 0) return;
        expect([edges[0]! + 0, edges.at(-1)! + 0]).toStrictEqual([finite[0]! + 0, finite.at(-1)! + 0]);
        const slack = 1e-9 * (edges.at(-1)! - edges[0]!);
        counts.forEach((count, bin) => {
          for (const value of finite.splice(0, count)) {
            expect(value).toBeGreaterThanOrEqual(edges[bin]! - slack);
            expect(value).toBeLessThanOrEqual(edges[bin + 1]! + slack);
          }
        });
      }),
    );
  });
});
