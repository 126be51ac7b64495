import { Writable } from 'node:stream';
import { pathToFileURL } from 'node:url';
import type { Worker } from 'node:worker_threads';

import { beforeAll, describe, expect, it } from 'vitest';

import { startThreads } from '../../src/replicas/startThreads.js';
import { bundled } from '../support/bundled.js';
import { expectAsOne, program, said, trainOne, type Said } from './asOne.js';
import { missing, mpirun, mpis } from './installedMpi.js';

describe('replicas train on digits as one replica would', { timeout: 60_000 }, () => {
  let one!: Said;
  beforeAll(async () => void (one = await trainOne()), 60_000);

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
