import { expect, it } from 'vitest';

import { chunked, recordsOf, SIGNATURE } from '../../../src/sinks/wandb/log.js';

const CHUNK = 'a9209d53030001616263';

it('cuts a record where blocks end: the first chunk, those in the middle, the last', () => {
  const data = Uint8Array.from({ length: 100_000 }, (_, i) => i % 251);
  const bytes = Buffer.concat([SIGNATURE, chunked(data, SIGNATURE.length)]);
  const chunks = [7, 32_768, 65_536, 98_304].map((at) => [bytes.readUInt16LE(at + 4), bytes[at + 6]]);

  expect(chunks).toStrictEqual([
    [32_754, 2],
    [32_761, 3],
    [32_761, 3],
    [1_724, 4],
  ]);
  expect(bytes).toHaveLength(98_304 + 7 + 1_724);
  expect(recordsOf(bytes).map((each) => Buffer.compare(each, data))).toStrictEqual([0]);
});

it("knows W&B's own bytes", () => {
  // The record 'abc', as zlib's CRC-32 of a byte 1 and 'abc' has it: written by Python.
  const bytes = Buffer.from(CHUNK, 'hex');
  expect(Buffer.from(chunked(Buffer.from('abc'), 7)).toString('hex')).toBe(CHUNK);
  expect(recordsOf(Buffer.concat([SIGNATURE, bytes, bytes.subarray(0, 9)]))).toStrictEqual([Buffer.from('abc')]);
});

it.each([0, 1, 2, 3, 4, 5, 6, 7, 8, 9])('leaves %i bytes at the end of a block as LevelDB does', (room) => {
  const at = 32_768 - room;
  const bytes = Buffer.from(chunked(Buffer.from('abc'), at));
  const skipped = room < 7 ? room : 0;
  const first = room >= 7 ? room - 7 : 3;

  expect([...bytes.subarray(0, skipped)]).toStrictEqual(Array(skipped).fill(0));
  expect([bytes.readUInt16LE(skipped + 4), bytes[skipped + 6]]).toStrictEqual([first, room >= 7 ? 2 : 1]);
  const filler = Buffer.alloc(at - 14, 1);
  const file = Buffer.concat([SIGNATURE, chunked(filler, 7), bytes]);
  expect(recordsOf(file).map((each) => Buffer.from(each).toString('latin1'))).toStrictEqual([filler.toString('latin1'), 'abc']); // prettier-ignore
  expect(bytes).toHaveLength(skipped + 7 + 3 + (room >= 7 ? 7 : 0));
});
