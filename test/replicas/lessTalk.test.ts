import { beforeAll, describe, expect, it } from 'vitest';

import { bundled } from '../support/bundled.js';
import { onlyInCi } from '../support/inCi.js';
import { threadsOutput } from '../support/threadsOutput.js';
import { missing, mpirun, mpis } from './installedMpi.js';

const program = new URL('lessTalkRank.ts', import.meta.url);
type Run = [events: [globalStep: number, loss: number, samples: number][], weights: number[]];

const said = (output: string): unknown[][] =>
  output
    .split('\n')
    .filter((text) => text.startsWith('['))
    .map((text) => JSON.parse(text) as unknown[]);

describe('replicas talk less', { timeout: 60_000 }, () => {
  let inThreads!: unknown[][];
  beforeAll(async () => {
    inThreads = said(await threadsOutput(2, await bundled(program)));
  }, 60_000);

  it('in threads, which end with the same weights, and have logged the same', () => {
    expect(inThreads).toHaveLength(2);
    expect(inThreads[1]).toStrictEqual(inThreads[0]);
    const [local, localHalf, half] = [0, 2, 4].map((i) => inThreads[0]!.slice(i, i + 2) as unknown as Run);
    for (const [events, weights] of [local!, localHalf!, half!]) {
      const steps = events.slice(0, -1);
      const lossOf = (part: typeof steps) => part.reduce((sum, [, loss]) => sum + loss, 0) / part.length;
      expect(steps.map(([globalStep]) => globalStep)).toStrictEqual(Array.from({ length: 66 }, (_, i) => i + 1));
      expect(steps.slice(0, 7).map(([, , samples]) => samples)).toStrictEqual([4, 4, 3, 5, 5, 3, 5]);
      expect(lossOf(steps.slice(-11))).toBeLessThan(0.3 * lossOf(steps.slice(0, 11))); // it learns
      expect(events.at(-1)).toBe('end');
      expect(weights.every(Number.isFinite)).toBe(true);
    }
    localHalf![1].forEach((weight, i) => expect(weight).toBeCloseTo(local![1][i]!, 2));
    expect(localHalf![1]).not.toStrictEqual(local![1]);
  });

  it.skipIf(missing || onlyInCi).each(mpis)(
    `in two processes of %s's mpirun, bit for bit as in threads${missing || onlyInCi}`,
    async (_, bin) => {
      const { code, output } = await mpirun(bin, 2, program);
      expect(code).toBe(0);
      expect(said(output)).toStrictEqual(inThreads);
    },
  );
});
