import { afterAll, expect, it } from 'vitest';

import { engine } from '../../src/engine/engine.js';
import { soak } from './soak.js';

afterAll(() => engine('cpu'));

// The short form of `npm run soak`: too short for the size of the heap, which grows while code is compiled, so what is on it is counted.
it('hundreds of steps with checkpoints, validations, averages and sinks keep no batch, no event and no tensor', async () => {
  const { tensors, left, held } = await soak('wasm', { steps: 350, sampleEvery: 60 });

  expect(held).toBeLessThan(20);
  expect(tensors[0]).toBe(tensors[1]);
  expect(left).toBe(0);
}, 60_000);
