import { createHash } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';

import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';

import { fromFiles, toFiles } from '../../src/checkpoint/files.js';
import { packed, unpacked } from '../../src/checkpoint/packed.js';
import { decodeSafetensors } from '../../src/checkpoint/safetensors.js';
import { CheckpointError } from '../../src/core/errors.js';
import type { Checkpoint, Json } from '../../src/core/snapshot.js';
import { resealed, savedFiles } from './support.js';

const scalar = (value: number) => ({ data: Float32Array.of(value), shape: [] });
const counts = { globalStep: 3, microStep: 7, epoch: 2, versions: { gradstream: '0.1.0' } };

describe('the files of a checkpoint', () => {
  let whole: Record<string, Uint8Array>;
  beforeAll(async () => {
    whole = await savedFiles();
  });

  it('hold weights and state by the names of the variables', () => {
    const [weights, state] = ['model', 'state'].map((name) => decodeSafetensors(whole[`${name}.safetensors`]!));
    const shapesOf = (arrays: typeof weights) =>
      Object.fromEntries(Object.entries(arrays!).map(([name, { shape }]) => [name, shape]));
    const shapes = { 'dense_Dense1/kernel': [2, 8], 'dense_Dense1/bias': [8], 'dense_Dense2/kernel': [8, 1], 'dense_Dense2/bias': [1] }; // prettier-ignore
    const under = (prefix: string) =>
      Object.fromEntries(Object.entries(shapes).map(([name, shape]) => [`optimizerStep:${prefix}/${name}`, shape]));
    expect(shapesOf(weights)).toStrictEqual(shapes);
    expect(shapesOf(state)).toStrictEqual({
      ...under('first'),
      ...under('second'),
      ...under('exempt'),
      'optimizerStep:beta1Power': [],
      'optimizerStep:beta2Power': [],
    });
  });

  it('say what made them and what the run was told', () => {
    const state = JSON.parse(new TextDecoder().decode(whole['state.json'])) as unknown;
    expect(state).toMatchObject({
      format: 2,
      versions: { gradstream: '0.1.0', engine: 'cpu', '@tensorflow/tfjs': expect.stringMatching(/^4\./) },
      globalStep: 2,
      stages: {
        model: { data: { options: { loss: 'mse', seed: 0, metrics: {} } } },
        accumulate: { data: { options: { microBatches: 4, remainder: 'flush' } } },
        optimizerStep: { data: { options: { name: 'adamw', learningRate: 0.02, betas: [0.9, 0.999], epsilon: 1e-8, weightDecay: 0.01 } } }, // prettier-ignore
      },
    });
  });

  it('are refused if any bit is another', async () => {
    for (const [name, bytes] of Object.entries(whole)) {
      for (let at = 0; at < bytes.length; at += 1) {
        const flipped = bytes.slice();
        flipped[at]! ^= 1 << (at % 8);
        await expect(fromFiles({ ...whole, [name]: flipped })).rejects.toThrow(CheckpointError);
      }
    }
  });

  it('are refused if they are cut off anywhere', async () => {
    for (const [name, bytes] of Object.entries(whole)) {
      for (let length = 0; length < bytes.length; length += 7)
        await expect(fromFiles({ ...whole, [name]: bytes.slice(0, length) })).rejects.toThrow(CheckpointError);
    }
  });

  it.each(['__proto__', 'constructor', 'toString', 'hasOwnProperty', '../../etc', ''])(
    'take %j for a name like any other',
    async (name) => {
      const stages = Object.fromEntries([
        [name, { data: Object.fromEntries([[name, 1]]), arrays: Object.fromEntries([[name, scalar(1)]]) }],
        ['model', { arrays: Object.fromEntries([[name, scalar(2)]]) }],
      ]);
      const files = await toFiles({ ...counts, stages });
      expect(Object.keys(files)).toStrictEqual(['model.safetensors', 'state.safetensors', 'state.json']);
      const back = await fromFiles(files);
      expect(isDeepStrictEqual(back.stages, stages)).toBe(true); // Vitest would ask the constructor
      expect(Object.getPrototypeOf(back.stages)).toBe(Object.prototype);
      expect(Object.keys(Object.prototype)).toStrictEqual([]);
    },
  );

  it.each(['constructor', '__proto__', 'toString'])('hold no array that is only inherited, as %s is', async (name) => {
    const files = await toFiles({ ...counts, stages: { model: { arrays: {} } } });
    const state = await resealed(files['state.json']!, (text) => text.replace('"arrays": []', `"arrays": ["${name}"]`));
    await expect(fromFiles({ ...files, 'state.json': state })).rejects.toThrow(`must hold '${name}' of model`);
  });

  it('must hold each array once, and none that is of no stage', async () => {
    const files = await toFiles({ ...counts, stages: { a: { arrays: { b: scalar(1) } } } });
    const change = (to: string) => resealed(files['state.json']!, (text) => text.replace(/"arrays": \[[^\]]*\]/, to));
    const twice = await change('"arrays": ["b", "b"]');
    await expect(fromFiles({ ...files, 'state.json': twice })).rejects.toThrow("'b' of a, once");
    const none = await change('"arrays": []');
    await expect(fromFiles({ ...files, 'state.json': none })).rejects.toThrow("'a:b' is of none");
  });

  it('cannot hold two arrays of one name', async () => {
    const stages = { a: { arrays: { 'b:c': scalar(1) } }, 'a:b': { arrays: { c: scalar(2) } } };
    await expect(toFiles({ ...counts, stages })).rejects.toThrow('must not have the same name');
  });

  it('give back any plain data (property)', async () => {
    const number = fc.oneof(fc.double(), fc.constantFrom(NaN, Infinity, -Infinity, -0));
    const name = fc.oneof(fc.string(), fc.constantFrom('number', '__proto__', 'constructor'));
    const { data } = fc.letrec<{ data: Json }>((tie) => ({
      data: fc.oneof(
        { maxDepth: 5, depthSize: 'small' },
        number,
        fc.string(),
        fc.boolean(),
        fc.constant(null),
        fc.array(tie('data'), { maxLength: 3 }),
        fc.dictionary(name, tie('data'), { maxKeys: 3, noNullPrototype: true }),
        fc.record({ number: tie('data') }, { noNullPrototype: true }),
      ),
    }));
    await fc.assert(
      fc.asyncProperty(data, async (given) => {
        const back = unpacked(JSON.parse(JSON.stringify(packed(given))) as Json);
        expect(isDeepStrictEqual(back, given)).toBe(true);
      }),
      { seed: 1, numRuns: 1000 },
    );
  });

  it('cannot hold data without end', async () => {
    const self: { own?: Json } = {};
    self.own = self as Json;
    const checkpoint: Checkpoint = { ...counts, stages: { a: { data: self as Json } } };
    await expect(toFiles(checkpoint)).rejects.toThrow('does it hold itself?');
  });

  it.each([{ number: 'Infinit' }, { number: 5 }, { number: [] }, { number: [1, 2] }])(
    'refuse %j where a number is',
    (data) => {
      expect(() => unpacked(data)).toThrow(CheckpointError);
    },
  );

  it.each<[string, (text: string) => string, string]>([
    ['a name twice', (text) => text.replace('"epoch":', '"epoch": 9, "epoch":'), "'epoch' must not be there twice"],
    ['a name twice, spelt differently', (text) => text.replace('"epoch":', '"\\u0065poch": 9, "epoch":'), 'twice'],
    ['deep nesting', (text) => text.replace('"pass": 1', `"pass": ${'['.repeat(1e5)}${']'.repeat(1e5)}`), '100 deep'],
    ['deep nesting without end', (text) => text.replace('"pass": 1', `"pass": ${'{"a":'.repeat(1e5)}`), '100 deep'],
    ['a step below 0', (text) => text.replace('"globalStep": 2', '"globalStep": -2'), 'globalStep'],
    ['a step of no whole', (text) => text.replace('"globalStep": 2', '"globalStep": 2.5'), 'globalStep'],
    [
      'a step beyond counting',
      (text) => text.replace('"globalStep": 2', '"globalStep": 9007199254740992'),
      'globalStep',
    ],
    ['a step without end', (text) => text.replace('"globalStep": 2', '"globalStep": 1e999'), 'globalStep'],
    [
      'stages that are none',
      (text) => text.replace('"given": 8\n   },\n   "arrays": []', '"given": 8\n   }'),
      'arrays',
    ],
    ['a file of another name', (text) => text.replace('"state.safetensors"', '"../state"'), 'files'],
    ['something besides', (text) => text.replace('"epoch"', '"run": "x", "epoch"'), 'run'],
  ])('are refused with %s, whatever the checksum', async (_, change, message) => {
    const state = await resealed(whole['state.json']!, change);
    await expect(fromFiles({ ...whole, 'state.json': state })).rejects.toThrow(CheckpointError);
    await expect(fromFiles({ ...whole, 'state.json': state })).rejects.toThrow(message);
  });

  it('are refused if they are no UTF-8, or begin with a mark that says so', async () => {
    for (const begin of [[0xff], [0xc3, 0x28], [0xef, 0xbb, 0xbf]]) {
      const text = whole['state.json']!.slice(0, -82);
      const body = Uint8Array.of(...begin, ...text);
      const tail = `,\n "sha256": "${createHash('sha256').update(body).digest('hex')}"\n}`;
      const state = Uint8Array.of(...body, ...new TextEncoder().encode(tail));
      await expect(fromFiles({ ...whole, 'state.json': state })).rejects.toThrow('state.json must be JSON');
    }
  });
});
