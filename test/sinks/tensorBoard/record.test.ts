import { describe, expect, it } from 'vitest';

import { dataOf, record, wholeRecords } from '../../../src/sinks/tensorBoard/record.js';

describe('wholeRecords', () => {
  const [first, second, third] = [[1, 2, 3], [4], []].map((data) => record(Uint8Array.from(data)));
  const whole = Buffer.concat([first!, second!, third!]);

  it('gives all records of a file', () => {
    expect(wholeRecords(whole).map((bytes) => [...dataOf(bytes)])).toStrictEqual([[1, 2, 3], [4], []]);
  });

  it.each(Array.from({ length: second!.length }, (_, at) => at))(
    'gives those before one with a flipped bit in byte %d, though all are of full length',
    (at) => {
      const damaged = Uint8Array.from(whole);
      damaged[first!.length + at]! ^= 1;

      expect(wholeRecords(damaged).map((bytes) => [...dataOf(bytes)])).toStrictEqual([[1, 2, 3]]);
    },
  );

  it.each(Array.from({ length: whole.length }, (_, length) => length))('gives what is whole of %d bytes', (length) => {
    const ends = [first!.length, first!.length + second!.length, whole.length];

    expect(wholeRecords(whole.subarray(0, length))).toHaveLength(ends.filter((end) => end <= length).length);
  });
});
