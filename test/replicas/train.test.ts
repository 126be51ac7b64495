import { beforeAll, describe, expect, it } from 'vitest';

import { bundled } from '../support/bundled.js';
import { isCi } from '../support/inCi.js';
import { threadsOutput } from '../support/threadsOutput.js';
import { expectAsOne, program, said, trainOne, type Said } from './asOne.js';
import { missing, mpirun, mpis } from './installedMpi.js';

describe('replicas train on digits as one replica would', { timeout: 60_000 }, () => {
  let one!: Said;
  beforeAll(async () => void (one = await trainOne()), 60_000);

  it('in threads', async () => {
    expectAsOne(said(await threadsOutput(2, await bundled(program))), one, 2);
  });

  it
    .skipIf(missing)
    .each(mpis.slice(0, 1).flatMap(([, bin]) => (isCi ? [2, 4] : [2]).map((ranks) => [ranks, bin] as const)))(
    `in %i processes of mpirun${missing}`,
    async (ranks, bin) => {
      const { code, output } = await mpirun(bin, ranks, program);
      expect(code).toBe(0);
      expectAsOne(said(output), one, ranks);
    },
  );
});
