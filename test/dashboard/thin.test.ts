import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { columns } from '../../src/dashboard/columns.js';
import { countBelow, numbers } from '../../src/dashboard/numbers.js';
import { thin } from '../../src/dashboard/thin.js';

const tableOf = (values: readonly (readonly number[])[]) => {
  const table = columns();
  values.forEach(([a, b], i) => table.add(i + 1, { a: a!, b: b! }));
  return table;
};
const all = { from: 0, to: 1e9, pixels: 10, every: 1 };

describe('thin', () => {
  it('gives every row while there are no more than can be seen', () => {
    const { steps, columns: named } = thin(tableOf([[1, 2], [3, NaN], [Infinity, 4]]), all); // prettier-ignore

    expect(steps).toStrictEqual([1, 2, 3]);
    expect(named).toStrictEqual({ a: [1, 3, null], b: [2, null, 4] });
  });

  it('keeps a single peak among a million rows', () => {
    const table = columns();
    for (let i = 1; i <= 1e6; i++) table.add(i, { a: i === 567_891 ? 1e3 : i % 7 });
    const { steps, columns: named } = thin(table, { ...all, pixels: 800 });

    expect(named['a']![steps.indexOf(567_891)]).toBe(1e3);
    expect(steps.length).toBeLessThanOrEqual(3 * 801);
  });

  it('has one row beyond each edge, so that lines reach it', () => {
    const table = tableOf(Array.from({ length: 100 }, (_, i) => [i, -i]));

    expect(thin(table, { ...all, from: 40, to: 44 }).steps).toStrictEqual([39, 40, 41, 42, 43, 44, 45]);
  });

  it('keeps multiples of `every` only', () => {
    const table = tableOf(Array.from({ length: 100 }, (_, i) => [i, -i]));
    const { steps } = thin(table, { ...all, every: 7, pixels: 5 });

    expect(steps.length).toBeGreaterThan(3);
    expect(steps.every((step) => step % 7 === 0)).toBe(true);
    expect(steps.at(-1)).toBe(98);
  });

  it('is a part of the rows, in order, with the extremes of each column in each column of pixels, and the last (property)', () => {
    const number = fc.oneof(fc.integer({ min: -50, max: 50 }), fc.constant(NaN));
    fc.assert(
      fc.property(
        fc.array(fc.tuple(number, number), { minLength: 1, maxLength: 300 }),
        fc.integer({ min: 1, max: 30 }),
        fc.integer({ min: 1, max: 4 }),
        (values, pixels, every) => {
          const { steps, columns: named } = thin(tableOf(values), { ...all, pixels, every });
          const wanted = values.map((_, i) => i + 1).filter((step) => step % every === 0);

          expect([...steps].sort((x, y) => x - y)).toStrictEqual(steps);
          expect(new Set(steps).size).toBe(steps.length);
          steps.forEach((step, i) => {
            expect(step % every).toBe(0);
            for (const [name, column] of [
              ['a', 0],
              ['b', 1],
            ] as const) {
              const value = values[step - 1]![column];
              expect(named[name]![i]).toBe(Number.isNaN(value) ? null : value);
            }
          });
          if (wanted.length > 0) expect(steps.at(-1)).toBe(wanted.at(-1));
          for (const column of [0, 1] as const) {
            const finite = wanted.map((step) => values[step - 1]![column]).filter((value) => !Number.isNaN(value));
            const kept = steps.map((step) => values[step - 1]![column]).filter((value) => !Number.isNaN(value));
            if (finite.length === 0) continue;
            expect(Math.min(...kept)).toBe(Math.min(...finite));
            expect(Math.max(...kept)).toBe(Math.max(...finite));
          }
          expect(steps.length).toBeLessThanOrEqual(Math.max(2 * pixels, 5 * (pixels + 1)));
        },
      ),
      { numRuns: 200 },
    );
  });
});

describe('numbers', () => {
  it('grow, and are cut', () => {
    const list = numbers();
    for (let i = 0; i < 5000; i++) list.push(2 * i);
    expect([list.length, list.at(0), list.at(4999)]).toStrictEqual([5000, 0, 9998]);
    expect([-1, 0, 1, 2, 9998, 9999].map((value) => countBelow(list, value))).toStrictEqual([0, 0, 1, 1, 4999, 5000]);

    list.cut(10);
    list.cut(20);
    expect([list.length, list.at(9)]).toStrictEqual([10, 18]);
    list.push(7);
    expect(list.at(10)).toBe(7);
  });
});

describe('columns', () => {
  it('have NaN where a name was not known', () => {
    const table = columns();
    table.add(1, { a: 1 });
    table.add(2, { b: 2 });
    table.add(3, { a: 3, b: 4 });

    expect(thin(table, all).columns).toStrictEqual({ a: [1, null, 3], b: [null, 2, 4] });
  });
});
