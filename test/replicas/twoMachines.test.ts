import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { onlyInCi } from '../support/inCi.js';
import { expectAsOne, program, said, trainOne, type Said } from './asOne.js';
import { mpis } from './installedMpi.js';
import { twoMachines, type TwoMachines } from './twoMachines.js';

const openMpis = mpis.filter(([name]) => name !== 'mpich');

describe.skipIf(onlyInCi)(`replicas on two machines${onlyInCi}`, { timeout: 60_000 }, () => {
  let one!: Said;
  let machines!: TwoMachines;
  beforeAll(async () => {
    machines = twoMachines();
    one = await trainOne();
  }, 60_000);
  afterAll(() => machines.remove());

  it.each(openMpis)('train by the Open MPI called %s as one replica would', async (_, bin) => {
    const { code, output } = await machines.mpirun(bin, 2, program);
    expect(output).not.toContain('CollectiveError');
    expect(code).toBe(0);
    const ranks = said(output);
    expectAsOne(ranks, one, 4);
    const places = ranks.map(({ host, localRank }) => `${host}: ${localRank}`).sort();
    expect(places).toStrictEqual(machines.names.flatMap((name) => [0, 1].map((rank) => `${name}: ${rank}`)));
  });

  it.each(openMpis)('keep the contract by the Open MPI called %s', async (_, bin) => {
    const { code, output } = await machines.mpirun(bin, 2, new URL('mpiRank.ts', import.meta.url), ['contract']);
    const kept = [0, 1, 2, 3].map((rank) => `rank ${rank} of 4, local ${rank % 2}`);
    expect(output.split('\n').filter(Boolean).sort()).toStrictEqual(kept);
    expect(code).toBe(0);
  });
});
