import { afterAll, expect, it } from 'vitest';

import { engine } from '../../src/engine/engine.js';
import { soak } from './soak.js';

afterAll(() => engine('cpu'));

// The short form of `npm run soak`, on the engine that everybody has.
it('two thousand steps with checkpoints, validations, averages and sinks leave heap and tensors as they were', async () => {
  const { bytesPerStep, tensors, left } = await soak('wasm', { steps: 2000, sampleEvery: 100 });

  expect(bytesPerStep).toBeLessThan(150); // an event that is kept would be a thousand
  expect(tensors[0]).toBe(tensors[1]);
  expect(left).toBe(0);
}, 60_000);
