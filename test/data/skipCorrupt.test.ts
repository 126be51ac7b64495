import * as tf from '@tensorflow/tfjs';
import { from, type AsyncIterableX } from 'ix/asynciterable';
import { afterEach, beforeEach, describe, expect, it, vi, type MockInstance } from 'vitest';

import type { Batch } from '../../src/core/batch.js';
import { ArgumentError, SourceError } from '../../src/core/errors.js';
import { csv } from '../../src/data/csv.js';
import { jsonl } from '../../src/data/jsonl.js';
import { skipCorrupt } from '../../src/data/skipCorrupt.js';
import { batchesOf } from '../support/line.js';
import { collect, collectUntilError, watched } from './sources.js';

let warned!: MockInstance<typeof console.warn>;
beforeEach(() => (warned = vi.spyOn(console, 'warn').mockImplementation(() => undefined)));
afterEach(() => warned.mockRestore());
const warnings = () => warned.mock.calls.map((call) => String(call[0]));

const decode = async (n: number) => {
  if (n % 2 === 0) throw new Error(`${n} is even`);
  return Promise.resolve(`#${n}`);
};

describe('skipCorrupt', () => {
  it('passes over as many as it may, tells of each, and fails at the next', async () => {
    expect(await collect(from([1, 2, 3, 4, 5]).pipe(skipCorrupt({ most: 2, decode })))).toStrictEqual([
      '#1',
      '#3',
      '#5',
    ]);
    expect(warnings()).toStrictEqual([
      'skipCorrupt: record 2 is corrupt and passed over, 1 of at most 2: 2 is even',
      'skipCorrupt: record 4 is corrupt and passed over, 2 of at most 2: 4 is even',
    ]);
    const { values, error } = await collectUntilError(from([1, 2, 3, 4, 5]).pipe(skipCorrupt({ most: 1, decode })));
    expect(values).toStrictEqual(['#1', '#3']);
    expect(error).toBeInstanceOf(SourceError);
    expect(error).toMatchObject({ batch: 2, cause: { message: '4 is even' }, message: 'skipCorrupt: at most 1 records may be corrupt, record 4 is: 4 is even' }); // prettier-ignore
    expect(await collectUntilError(from([2]).pipe(skipCorrupt({ most: 0, decode })))).toMatchObject({
      error: { batch: 0, message: 'skipCorrupt: no record may be corrupt, record 1 is: 2 is even' },
    });
    expect(await collect(from([2, 4, 6, 1]).pipe(skipCorrupt({ most: Infinity, decode })))).toStrictEqual(['#1']);
  });

  it('tells decode which record it is, counted from 0, and its source of an abort', async () => {
    const seen = await collect(from(['a', 'b']).pipe(skipCorrupt({ most: 0, decode: (each, i) => `${each}${i}` })));
    expect(seen).toStrictEqual(['a0', 'b1']);
    const { source, seen: asked } = watched([1]);
    const abort = new AbortController();
    const values = skipCorrupt({ most: 0, decode: (each: number) => each })(source);
    await (values as AsyncIterableX<number>)[Symbol.asyncIterator](abort.signal).next();
    expect(asked.signals[0]).toBe(abort.signal);
  });

  it('counts afresh each time it is read', async () => {
    const values = from([2, 1]).pipe(skipCorrupt({ most: 1, decode }));
    expect([await collect(values), await collect(values)]).toStrictEqual([['#1'], ['#1']]);
  });

  it('checks batches as forward would, and disposes those that it passes over', async () => {
    const xs = tf.zeros([2, 2]);
    const odd: Batch = { xs, ys: tf.zeros([3, 1]) };
    const whole = batchesOf([2, 1]);
    expect(await collect(from([whole[0]!, odd, whole[1]!]).pipe(skipCorrupt({ most: 1 })))).toStrictEqual(whole);
    expect(xs.isDisposed).toBe(true);
    expect(warnings()[0]).toMatch('micro-batch 2 must have one label for each sample');
  });

  it('refuses what is no number of records', () => {
    for (const most of [-1, 0.5, NaN]) expect(() => skipCorrupt({ most })).toThrow(ArgumentError);
    expect(() => jsonl(['1'], { mostCorrupt: -1 })).toThrow(ArgumentError);
    expect(() => csv(['1'], { mostCorrupt: 0.5 })).toThrow(ArgumentError);
  });
});

describe.each([
  [
    'jsonl',
    (text: string[], mostCorrupt: number) => jsonl(text, { mostCorrupt }),
    ['{"x":1}\n{"x', '":\n{"x":2}\nno\n{"x":3}'],
    [2, 4],
  ],
  ['csv', (text: string[], mostCorrupt: number) => csv(text, { mostCorrupt }), ['x\n1\n1,', '5\n2\n7,8\n3'], [3, 5]],
] as const)('mostCorrupt of %s', (name, read, text, broken) => {
  const rows = [{ x: 1 }, { x: 2 }, { x: 3 }];

  it('passes over broken lines, and tells of each', async () => {
    expect(await collect(read([...text], 2))).toStrictEqual(rows);
    expect(warnings().map((warning) => warning.split(':')[1])).toStrictEqual([
      ` line ${broken[0]} is corrupt and passed over, 1 of at most 2`,
      ` line ${broken[1]} is corrupt and passed over, 2 of at most 2`,
    ]);
  });

  it('fails at one more', async () => {
    const { values, error } = await collectUntilError(read([...text], 1));
    expect(values.slice(0, 2)).toStrictEqual(rows.slice(0, 2));
    expect(error).toMatchObject({
      name: 'SourceError',
      batch: values.length,
      message: expect.stringMatching(`${name}: at most 1 `) as string,
    });
  });
});
