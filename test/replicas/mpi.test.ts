import { describe, expect, it } from 'vitest';

import { isCi } from '../support/inCi.js';
import { alone, missing, mpirun, mpis } from './installedMpi.js';

const program = new URL('mpiRank.ts', import.meta.url);

describe.skipIf(missing)(`mpi${missing}`, { timeout: 60_000 }, () => {
  it.each(mpis.flatMap(([name, bin]) => (isCi ? [2, 4] : [2]).map((ranks) => [name, ranks, bin] as const)))(
    '%s keeps the contract with %i ranks',
    async (_, ranks, bin) => {
      const { code, output } = await mpirun(bin, ranks, program, ['contract']);
      const said = Array.from({ length: ranks }, (_, rank) => `rank ${rank} of ${ranks}, local ${rank}`);
      expect(output.split('\n').filter(Boolean).sort()).toStrictEqual(said);
      expect(code).toBe(0);
    },
  );

  // In the ways that a job ends they differ little, and each takes seconds.
  describe.each(isCi ? mpis : mpis.slice(0, 1))('%s', (_, bin) => {
    const ending = async (what: string) => {
      const began = performance.now();
      const ended = await mpirun(bin, 3, program, [what, '1']);
      return { ...ended, tookMs: performance.now() - began };
    };

    it('ends the job when a rank throws, and names it', async () => {
      const { code, output } = await ending('throws');
      expect(code).not.toBe(0);
      expect(output).toContain('out of luck');
      expect(output).toContain('rank 1 of 3 has ended with code 1 and without close()');
    });

    it('ends the job when a rank is killed', async () => {
      const { code, tookMs } = await ending('killed');
      expect(code).not.toBe(0);
      expect(tookMs).toBeLessThan(20_000);
    });

    it.each(isCi ? ['hangs', 'is late', 'stops in the midst of it'] : ['stops in the midst of it'])(
      'names a rank that %s',
      async (how) => {
        const { code, output } = await ending(
          how.split(' ').find((word) => ['hangs', 'late', 'stops'].includes(word))!,
        );
        expect(code).not.toBe(0);
        expect(output).toMatch(/[02]: CollectiveError: mpi: rank 1 must arrive within \d+ ms \[1\]/);
      },
    );

    it('ends the job when a rank aborts, and says why', async () => {
      const { code, output } = await ending('aborts');
      expect(code).not.toBe(0);
      expect(output).toContain('rank 1 of 3: enough');
    });
  });

  const [, mpich] = mpis.find(([name]) => name === 'mpich') ?? [];
  it.skipIf(!mpich)("keeps the contract with MPICH's own ABI", async () => {
    const library = JSON.stringify({ library: `${mpich}/../lib/libmpi.so.12` });
    const { code } = await mpirun(mpich!, 2, program, ['contract'], { MPI_OPTIONS: library });
    expect(code).toBe(0);
  });

  it.each([
    ['a launcher of another kind', { PMI_SIZE: '2', PMI_RANK: '0' }, 'PMI has started 2 processes', 'received 1'],
    ['a world that is smaller than it must be', { MPI_OPTIONS: '{"worldSize":2}' }, 'worldSize is 2', 'received 1'],
    ['a library that is not there', { MPI_OPTIONS: '{"library":"/none.so"}' }, 'must be installed', 'none.so'],
    ['a library that is none', { MPI_OPTIONS: '{"library":"libm.so.6"}' }, 'must have the ABI', 'without MPI_Get'],
  ])('refuses %s', async (_, env, ...said) => {
    // The system's, so that it is not the one of the launcher that is named.
    const { code, output } = await alone(program, ['contract'], { MPI_OPTIONS: '{"library":"libmpi.so.40"}', ...env });
    expect(code).not.toBe(0);
    for (const text of ['CollectiveError: mpi: ', ...said]) expect(output).toContain(text);
  });
});
