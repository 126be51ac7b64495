import { describe, expect, it } from 'vitest';

import { growth } from './growth.js';
import type { Sample, Soak } from './soak.js';

/** Seven samples, of which the last four count. */
const soaked = (of: (step: number) => Partial<Sample>, left = 0): Soak => ({
  samples: [1, 2, 3, 4, 5, 6, 7].map((i) => {
    const step = i * 100;
    return { step, bytes: 1e6, compiled: 1e5, tensors: 4, held: 5, ...of(step) };
  }),
  left,
  grown: [['object Event', 400]],
});

describe('growth', () => {
  it('finds what is flat flat, however it grew before it was warm and whatever is compiled', () => {
    const warming = soaked((step) => ({ bytes: 1e6 + Math.min(step, 400) * 50, compiled: step }));

    expect(growth(warming, 1)).toStrictEqual({
      steps: [400, 700],
      bytesPerStep: 0,
      bytes: 0,
      compiledBytes: 300,
      faults: [],
    });
  });

  it('is the slope, which a sample that stands out hardly moves', () => {
    expect(
      growth(
        soaked((step) => ({ bytes: 8 * step })),
        7,
      ).faults,
    ).toStrictEqual(['8.00 bytes a step (at most 7), most of them in object Event 400']);
    expect(
      growth(
        soaked((step) => ({ bytes: 8 * step })),
        9,
      ).faults,
    ).toStrictEqual([]);
    expect(
      growth(
        soaked((step) => ({ bytes: step === 600 ? 1000 : 0 })),
        1.1,
      ).bytesPerStep,
    ).toBeCloseTo(1, 12);
  });

  it('says nothing of a run that was too short', () => {
    const { samples, ...rest } = soaked(() => ({}));
    expect(() => growth({ samples: samples.slice(0, 1), ...rest }, 1)).toThrow('it took 1');
  });

  it('tells of tensors that come or are left, and of batches and events that are held', () => {
    expect(
      growth(
        soaked((step) => ({ tensors: step / 100 })),
        1,
      ).faults,
    ).toStrictEqual(['from 1 to 7 tensors']);
    expect(
      growth(
        soaked(() => ({}), 2),
        1,
      ).faults,
    ).toStrictEqual(['2 tensors left']);
    expect(
      growth(
        soaked((step) => ({ held: step })),
        1,
      ).faults,
    ).toStrictEqual(['700 batches and events held (at most 20)']);
  });
});
