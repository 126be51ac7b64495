import { expect, it } from 'vitest';

import { solo } from '../../src/replicas/solo.js';
import { runContract } from './contract.js';

it('solo keeps the contract', async () => {
  await expect(runContract(solo())).resolves.toBeUndefined();
});
