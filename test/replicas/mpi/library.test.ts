import { expect, it, vi } from 'vitest';

import { loadKoffi } from '../../../src/replicas/mpi/library.js';

vi.mock('koffi', () => {
  throw new Error('Cannot find package');
});

it('says that koffi is missing, and how to get it', async () => {
  await expect(loadKoffi()).rejects.toMatchObject({
    name: 'CollectiveError',
    reason: 'library',
    message: expect.stringMatching(/^mpi: koffi must be installed: npm install koffi/) as string,
  });
});
