import { isDeepStrictEqual } from 'node:util';

import fc from 'fast-check';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';

import { fromFiles, toFiles } from '../../src/checkpoint/files.js';
import { decodeSafetensors, encodeSafetensors } from '../../src/checkpoint/safetensors.js';
import { parseState } from '../../src/checkpoint/stateFile.js';
import { CheckpointError } from '../../src/core/errors.js';
import type { Checkpoint } from '../../src/core/snapshot.js';
import { resealed } from './support.js';

/** Inputs in all; each test takes a share. */
const INPUTS = process.env['CI'] ? 100_000 : 20_000;
const share = (part: number) => ({ numRuns: INPUTS * part, seed: 20_26 });

const NAMES = ['__proto__', 'constructor', 'toString', '__metadata__', 'w', '', '../w', 'a/b', '\u0000', '\ud800'];
const NUMBERS = [-1, -0, 0, 1, 2, 4, 0.5, 1e3, 2 ** 31, 2 ** 32, 2 ** 53 - 1, 2 ** 53, 1e308, Infinity, NaN];
const hostile = fc.oneof(
  fc.constantFrom<unknown>(...NUMBERS, ...NAMES, null, true, [], {}, [[]], { number: 'NaN' }, { __proto__: null }),
  fc.integer(),
  fc.jsonValue({ maxDepth: 2 }),
);

interface Change {
  readonly kind: 'flip' | 'cut' | 'splice' | 'insert' | 'double';
  /** Shares of the length, from 0 to 1. */
  readonly at: number;
  readonly to: number;
  readonly bytes: Uint8Array;
}
const change: fc.Arbitrary<Change> = fc.record({
  kind: fc.constantFrom('flip', 'flip', 'flip', 'cut', 'splice', 'insert', 'double'),
  at: fc.double({ min: 0, max: 1, noNaN: true }),
  to: fc.double({ min: 0, max: 1, noNaN: true }),
  bytes: fc.oneof(fc.uint8Array({ maxLength: 9 }), fc.constantFrom(...['"', '{', '[', ',', '-', '9', 'e', '\\'].map((text) => new TextEncoder().encode(text)))), // prettier-ignore
});
const changes = fc.array(change, { minLength: 1, maxLength: 4 });

/** Bytes after some changes: bits flipped, ends cut off, parts moved about. */
function changed(bytes: Uint8Array, list: readonly Change[]): Uint8Array {
  return list.reduce((now, { kind, at: share, to, bytes: more }) => {
    const at = Math.floor(share * now.length);
    const end = Math.floor(to * now.length);
    const joined = (...parts: Uint8Array[]) => Uint8Array.from(Buffer.concat(parts));
    if (kind === 'cut') return now.slice(0, at);
    if (kind === 'splice') return joined(now.subarray(0, at), now.subarray(end));
    if (kind === 'insert') return joined(now.subarray(0, at), more, now.subarray(at));
    if (kind === 'double') return joined(now.subarray(0, Math.max(at, end)), now.subarray(Math.min(at, end)));
    const flipped = now.slice();
    if (at < flipped.length) flipped[at]! ^= 1 << Math.floor(to * 7.99);
    return flipped;
  }, bytes);
}

/** What comes of something, or that it was refused; any other error goes through. */
function refusedOr<T>(work: () => T): T | undefined {
  try {
    const result = work();
    tally.taken += 1;
    return result;
  } catch (error) {
    return ifRefused(error);
  }
}

/** How often something was taken and refused, so that a test which only ever sees one is found out. */
const tally = { taken: 0, refused: 0 };

function ifRefused(error: unknown): undefined {
  if (!(error instanceof CheckpointError)) throw error;
  tally.refused += 1;
}

/** A file that is taken says the same again, and is as large as it says. */
function expectSound(bytes: Uint8Array): void {
  const arrays = refusedOr(() => decodeSafetensors(bytes));
  if (!arrays) return;
  const total = Object.values(arrays).reduce((sum, { data }) => sum + data.byteLength, 0);
  if (total > 2 * bytes.length) throw new Error(`${bytes.length} bytes became ${total}`);
  const again = decodeSafetensors(encodeSafetensors(arrays));
  if (!isDeepStrictEqual(again, arrays)) throw new Error('not the same again');
}

function fileOf(
  header: string,
  body: Uint8Array,
  length = BigInt(new TextEncoder().encode(header).length),
): Uint8Array {
  const text = new TextEncoder().encode(header);
  const bytes = new Uint8Array(8 + text.length + body.length);
  new DataView(bytes.buffer).setBigUint64(0, length, true);
  bytes.set(text, 8);
  bytes.set(body, 8 + text.length);
  return bytes;
}

describe('files from elsewhere', () => {
  const checkpoint: Checkpoint = {
    ...{ globalStep: 2, microStep: 5, epoch: 1, versions: { gradstream: '0.1.0' } },
    stages: {
      model: { data: { globalStep: 2 }, arrays: { 'a/w': { data: Float32Array.of(1, 2), shape: [2, 1] } } },
      accumulate: { data: { window: { size: 2, unit: NaN } }, arrays: { n: { data: Int32Array.of(7), shape: [] } } },
    },
  };
  let whole: Record<string, Uint8Array>;
  beforeAll(async () => {
    whole = { ...(await toFiles(checkpoint)) };
  });
  beforeEach(() => void Object.assign(tally, { taken: 0, refused: 0 }));
  afterEach(() => {
    expect(Reflect.ownKeys(Object.prototype)).toStrictEqual(BEFORE);
    expect(Reflect.ownKeys(Array.prototype)).toStrictEqual(LISTS);
  });
  const BEFORE = Reflect.ownKeys(Object.prototype);
  const LISTS = Reflect.ownKeys(Array.prototype);

  it('are the same arrays or are refused: safetensors with bits flipped and parts moved', () => {
    const file = encodeSafetensors({
      w: { data: Float32Array.of(1, 2, 3, 4), shape: [2, 2] },
      n: { data: Int32Array.of(7), shape: [] },
      b: { data: Uint8Array.of(1, 0, 1), shape: [3] },
    });
    fc.assert(
      fc.property(changes, (list) => expectSound(changed(file, list))),
      share(0.3),
    );
    expect(tally.taken).toBeGreaterThan(0);
    expect(tally.refused).toBeGreaterThan(INPUTS / 100);
  });

  it('are sound or are refused: safetensors whose header says anything', () => {
    const size = fc.oneof(fc.nat(4), fc.constantFrom<unknown>(...NUMBERS), hostile);
    const entry = fc.oneof(
      fc.record({
        dtype: fc.oneof(fc.constantFrom('F32', 'I32', 'F16', 'BF16', 'U8', 'BOOL', 'F64'), hostile),
        shape: fc.oneof(fc.array(size, { maxLength: 3 }), hostile),
        data_offsets: fc.oneof(fc.tuple(size, size), fc.array(size, { maxLength: 3 }), hostile),
      }),
      hostile,
    );
    const header = fc.oneof(
      fc.array(fc.tuple(fc.constantFrom(...NAMES), entry), { maxLength: 3 }).map(
        // By hand, so that names come twice.
        (list) => `{${list.map(([name, value]) => `${JSON.stringify(name)}:${JSON.stringify(value)}`).join()}}`,
      ),
      hostile.map((value) => JSON.stringify(value)),
    );
    const length = fc.option(fc.oneof(fc.nat(40).map(BigInt), fc.bigInt({ min: 0n, max: 2n ** 64n - 1n })), { freq: 6, nil: undefined }); // prettier-ignore
    fc.assert(
      fc.property(header, fc.uint8Array({ maxLength: 16 }), length, (text, body, said) =>
        expectSound(fileOf(text, body, said)),
      ),
      share(0.3),
    );
    expect(tally.taken).toBeGreaterThan(0);
    expect(tally.refused).toBeGreaterThan(INPUTS / 100);
  });

  it('are a state or are refused: state.json with bits flipped and parts moved, whatever the checksum', () => {
    fc.assert(
      fc.property(changes, (list) => void refusedOr(() => parseState(changed(whole['state.json']!, list)))),
      share(0.2),
    );
    expect(tally.taken).toBeGreaterThan(0);
    expect(tally.refused).toBeGreaterThan(INPUTS / 100);
  });

  it('are the same checkpoint or are refused: any file changed', async () => {
    const name = fc.constantFrom('state.json', 'model.safetensors', 'state.safetensors');
    await fc.assert(
      fc.asyncProperty(name, changes, async (file, list) => {
        const bytes = changed(whole[file]!, list);
        const back = await fromFiles({ ...whole, [file]: bytes }).catch(ifRefused);
        if (!back) return;
        tally.taken += 1;
        if (!isDeepStrictEqual(back, checkpoint)) throw new Error('another checkpoint');
      }),
      share(0.1),
    );
    expect(tally.taken).toBeGreaterThan(0);
    expect(tally.refused).toBeGreaterThan(INPUTS / 100);
  });

  it('are a sound checkpoint or are refused: anything said anywhere, under a right checksum', async () => {
    const state = JSON.parse(new TextDecoder().decode(whole['state.json'])) as object;
    const places = placesIn(state);
    const target = fc.tuple(fc.constantFrom(...places), hostile, fc.option(fc.constantFrom(...NAMES)));
    await fc.assert(
      fc.asyncProperty(target, async ([place, value, name]) => {
        const text = JSON.stringify(put(state, place, value, name), null, 1);
        const bytes = await resealed(new TextEncoder().encode(`${text.slice(0, -2)},\n "sha256": ""\n}`), (t) => t);
        const back = await fromFiles({ ...whole, 'state.json': bytes }).catch(ifRefused);
        if (!back) return;
        tally.taken += 1;
        if (!isDeepStrictEqual(await fromFiles(await toFiles(back)), back)) throw new Error('not the same again');
      }),
      share(0.1),
    );
    expect(tally.taken).toBeGreaterThan(0);
    expect(tally.refused).toBeGreaterThan(INPUTS / 100);
  });

  it('are refused at once, however deep or long they claim to be', () => {
    const deep = (open: string): Uint8Array => fileOf(`{"w":${open.repeat(200_000)}`, new Uint8Array());
    for (const file of [deep('['), deep('{"a":'), fileOf('{}', new Uint8Array(), 2n ** 63n)])
      expect(() => decodeSafetensors(file)).toThrow(CheckpointError);
    const many = Array.from({ length: 1000 }, (_, i) => `"${i}":{"dtype":"F32","shape":[4],"data_offsets":[0,16]}`);
    expect(() => decodeSafetensors(fileOf(`{${many.join()}}`, new Uint8Array(16)))).toThrow(
      'one array after the other',
    );
  });
});

type Place = readonly string[];

/** Every place in plain data, from the outside in. */
function placesIn(data: unknown, at: Place = []): Place[] {
  if (typeof data !== 'object' || data === null) return [at];
  return [at, ...Object.entries(data).flatMap(([key, value]) => placesIn(value, [...at, key]))].filter(
    ([first]) => first !== 'sha256' && first !== undefined,
  );
}

/** The data with another value at a place, under its name or a new one; without its checksum. */
function put(data: object, [key, ...rest]: Place, value: unknown, name: string | null): object {
  const entries = Object.entries(data).filter(([own]) => own !== 'sha256' || key === 'bytes');
  const changedEntries = entries.map(([own, inner]): [string, unknown] => {
    if (own !== key) return [own, inner];
    if (rest.length > 0) return [own, put(inner as object, rest, value, name)];
    return [name ?? own, value];
  });
  return Array.isArray(data) ? changedEntries.map(([, inner]) => inner) : Object.fromEntries(changedEntries);
}
