import { describe, expect, it } from 'vitest';

import { stepsIn } from '../../src/sinks/stepsIn.js';
import { stepEvent } from '../../src/testing/steps.js';

/** What is known after each of the steps, of epochs of so many. */
function known(epochs: number, perEpoch: number, steps: readonly number[]) {
  const lengthOf = stepsIn(epochs);
  return steps.map((step) => lengthOf(stepEvent(step, { epoch: Math.ceil(step / perEpoch) })));
}

describe('stepsIn', () => {
  it('knows when one epoch has followed another', () => {
    expect(known(5, 2, [1, 2, 3, 4, 5])).toStrictEqual([undefined, undefined, 10, 10, 10]);
  });

  it('knows in a run that goes on only when it has seen another begin', () => {
    expect(known(5, 3, [8, 9, 10])).toStrictEqual([undefined, undefined, 15]);
  });

  it('comes closer with each epoch where steps are left out', () => {
    const lengths = known(
      40,
      156,
      Array.from({ length: 60 }, (_, i) => 100 * (i + 1)),
    ).map((length) => length ?? NaN);

    expect(Math.abs(lengths[1]! - 40 * 156)).toBeLessThan(40 * 50);
    expect(Math.abs(lengths.at(-1)! - 40 * 156)).toBeLessThan(50);
  });
});
