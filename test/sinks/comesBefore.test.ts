import { describe, expect, it } from 'vitest';

import type { TrainingEvent } from '../../src/core/events.js';
import { comesBefore } from '../../src/sinks/comesBefore.js';

type Place = readonly [type: TrainingEvent['type'], globalStep: number];

describe('comesBefore', () => {
  const inOrder: readonly Place[] = [
    ['step', 1],
    ['change', 2],
    ['validation', 2],
    ['checkpoint', 2],
    ['step', 3],
    ['validation', 3],
  ];

  it.each(inOrder.map((first, i) => [first, i] as const))('keeps what stands before %o', ([type, globalStep], i) => {
    const before = comesBefore({ type, globalStep });
    const kept = inOrder.filter(([type, globalStep]) => before({ type, globalStep }));

    expect(kept).toStrictEqual(inOrder.slice(0, i));
  });

  it('keeps no end: the run has gone on', () => {
    expect(comesBefore({ type: 'step', globalStep: 9 })({ type: 'end', globalStep: 3 })).toBe(false);
  });

  it('keeps all of the last step for a run that has nothing left but its end', () => {
    const before = comesBefore({ type: 'end', globalStep: 3 });

    expect(inOrder.every(([type, globalStep]) => before({ type, globalStep }))).toBe(true);
  });
});
