import { describe, expect, it } from 'vitest';

import { gradientHistograms } from '../../../operators/gradientHistograms.js';
import { absent, INSTALLED } from '../node/installed.js';
import { expectSame, onNode } from './support.js';

describe.skipIf(absent)(`gradientHistograms of a compiled step ${INSTALLED}`, () => {
  onNode();

  it('are those that are seen op by op, of each variable at every second step', async () => {
    const { events } = await expectSame({ options: () => ({ reduce: gradientHistograms(2) }) });
    const steps = events.filter(({ type }) => type === 'step').length;
    const histograms = events.filter((event) => event.type === 'histogram');

    expect(histograms.every(({ globalStep }) => globalStep % 2 === 0)).toBe(true);
    const names = new Set(histograms.map(({ name }) => name));
    expect(names.size).toBeGreaterThan(1);
    expect(histograms).toHaveLength(names.size * Math.floor(steps / 2));
  });
});
