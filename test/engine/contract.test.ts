import * as tf from '@tensorflow/tfjs';
import { describe, expect, it } from 'vitest';

import { openCpu } from '../../src/engine/cpu/cpu.js';
import { openWasm } from '../../src/engine/wasm/wasm.js';
import { cases, gradientsOn, lossAt } from './cases.js';
import { engineContract } from './contract.js';

engineContract('cpu', openCpu);
engineContract('wasm', openWasm);

describe('the reference', () => {
  it.each(Object.entries(cases))('agrees with finite differences: %s', async (_what, given) => {
    const gradients = await gradientsOn(tf, given);
    const step = 0.01;
    gradients.forEach((gradient, i) => {
      if (i % 7 !== 0 && gradients.length > 30) return; // a sample of the many
      const difference = (lossAt(tf, given, i, step) - lossAt(tf, given, i, -step)) / (2 * step);
      expect(Math.abs(difference - gradient)).toBeLessThan(0.03 * Math.max(1, Math.abs(gradient)));
    });
  });
});
