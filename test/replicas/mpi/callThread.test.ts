import { expect, it } from 'vitest';

import { binder } from '../../../src/replicas/mpi/bind.js';
import { callThread } from '../../../src/replicas/mpi/callThread.js';
import { loadKoffi } from '../../../src/replicas/mpi/library.js';

const koffi = await loadKoffi();

/** The C library's functions, which like MPI's give 0 if all is well; they can be found in any process on Linux. */
const bind = binder(koffi.load(null), 'int');

it.skipIf(process.platform !== 'linux')('makes calls in order, up to one that fails, and names it', async () => {
  const [now, compare] = [bind('clock_gettime', 'int clock, void *time'), bind('memcmp', 'const void *a, const void *b, intptr_t n')]; // prettier-ignore
  const [before, after, later] = [new BigInt64Array(2), new BigInt64Array(2), new BigInt64Array(2)];
  const [a, b] = [Uint8Array.of(0, 2, 7), Uint8Array.of(1, 2, 7)];
  const { run, close } = callThread(koffi);

  await run([compare.later(a.subarray(1), b.subarray(1), 2n)]);
  await expect(run([now.later(1, before), compare.later(b, a, 3), now.later(1, after)])).rejects.toMatchObject({
    name: 'CollectiveError',
    reason: 'library',
    message: expect.stringMatching(/^mpi: memcmp must succeed, it failed with code [1-9]/) as string,
  });
  expect([before[0]! > 0n, after[0]]).toStrictEqual([true, 0n]);
  await run([now.later(1, later)]);
  expect(later[0]! >= before[0]!).toBe(true);
  close();
});

it.skipIf(process.platform !== 'linux')('says so when it ends, and begins again', async () => {
  const { run, close } = callThread(koffi);
  const nothing = { name: 'nothing', declaration: 'int nothing_of_that_name(int x)', values: [1] };

  await expect(run([nothing])).rejects.toMatchObject({
    name: 'CollectiveError',
    message: expect.stringMatching(/^mpi: its thread must go on, it ended: .*nothing_of_that_name/) as string,
  });
  await run([bind('abs', 'int x').later(0)]);
  close();
});
