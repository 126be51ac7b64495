import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { decodeSafetensors, encodeSafetensors } from '../../src/checkpoint/safetensors.js';
import { CheckpointError } from '../../src/core/errors.js';

const shape = fc.array(fc.nat(4), { maxLength: 3 });
const array = fc.tuple(shape, fc.boolean(), fc.infiniteStream(fc.float())).map(([sizes, float, numbers]) => {
  const count = sizes.reduce((product, size) => product * size, 1);
  const values = Array.from({ length: count }, () => numbers.next().value as number);
  return { data: float ? Float32Array.from(values) : Int32Array.from(values, (x) => Math.trunc(x) | 0), shape: sizes };
});

describe('safetensors', () => {
  it('gives back any arrays of any names (property)', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), array), (arrays) => {
        const { __metadata__: _, ...named } = arrays;
        expect(decodeSafetensors(encodeSafetensors(named))).toEqual(Object.fromEntries(Object.entries(named)));
      }),
    );
  });

  it('refuses any other bytes with a typed error (property)', () => {
    const whole = encodeSafetensors({ w: { data: Float32Array.of(1, 2, 3, 4), shape: [2, 2] } });
    const attempt = (bytes: Uint8Array): void => {
      try {
        decodeSafetensors(bytes);
      } catch (error) {
        expect(error).toBeInstanceOf(CheckpointError);
      }
    };
    fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), attempt), { numRuns: 2000 });
    fc.assert(
      fc.property(fc.nat(whole.length - 1), fc.nat(255), (at, byte) => {
        const bytes = whole.slice();
        bytes[at] = byte;
        attempt(bytes);
      }),
      { numRuns: 2000 },
    );
    expect(() => decodeSafetensors(whole.subarray(0, whole.length - 1))).toThrow('cut off');
  });

  it.each<[string, object, string]>([
    ['offsets beyond the file', { w: { dtype: 'F32', shape: [4], data_offsets: [0, 16] } }, 'cut off'],
    ['a shape of other size', { w: { dtype: 'F32', shape: [2, 2], data_offsets: [0, 4] } }, "16 bytes for 'w'"],
    [
      'sizes whose product is no number any more',
      { w: { dtype: 'F32', shape: [1e9, 1e9, 0], data_offsets: [0, 0] } },
      'sizes that can be counted',
    ],
    ['a type that is not known', { w: { dtype: 'F8', shape: [], data_offsets: [0, 1] } }, 'a description of'],
    ['negative sizes', { w: { dtype: 'F32', shape: [-1], data_offsets: [0, 4] } }, 'a description of'],
  ])('refuses %s', (_, header, message) => {
    const text = new TextEncoder().encode(JSON.stringify(header));
    const bytes = new Uint8Array(8 + text.length);
    new DataView(bytes.buffer).setBigUint64(0, BigInt(text.length), true);
    bytes.set(text, 8);
    expect(() => decodeSafetensors(bytes)).toThrow(message);
  });

  const python = spawnSync('python3', ['-c', 'import safetensors.numpy']).status === 0;
  it.skipIf(!python && !process.env['CI'])("is what Python's safetensors reads, and reads what that writes", () => {
    const folder = mkdtempSync(join(tmpdir(), 'gradstream-safetensors-'));
    const file = join(folder, 'a.safetensors');
    const arrays = {
      'dense/kernel': { data: Float32Array.of(1.5, -2, 3, 4, 5, 6), shape: [2, 3] },
      count: { data: Int32Array.of(7), shape: [] },
    };
    writeFileSync(file, encodeSafetensors(arrays));
    const script = `
import json, sys
from safetensors.numpy import load_file, save
a = load_file(sys.argv[1])
print(json.dumps({k: [str(v.dtype), list(v.shape), v.flatten().tolist()] for k, v in sorted(a.items())}))
open(sys.argv[1], 'wb').write(save(a))`;
    const { stdout, stderr } = spawnSync('python3', ['-c', script, file], { encoding: 'utf8' });
    expect(stderr).toBe('');
    expect(JSON.parse(stdout)).toStrictEqual({
      count: ['int32', [], [7]],
      'dense/kernel': ['float32', [2, 3], [1.5, -2, 3, 4, 5, 6]],
    });
    rmSync(folder, { recursive: true });
  });
});
