import { lastValueFrom, Subject, toArray } from 'rxjs';
import { describe, expect, it } from 'vitest';

import { atWindow } from '../../src/checkpoint/atWindow.js';
import { checkpointEvery } from '../../src/checkpoint/checkpointEvery.js';
import { latest } from '../../src/checkpoint/latest.js';
import { memoryStore } from '../../src/checkpoint/memoryStore.js';
import type { Checkpoint } from '../../src/core/snapshot.js';
import { adam } from '../../src/optim/adam.js';
import { train, type TrainOptions } from '../../src/trainer/train.js';
import { batchesOf, line, squaredError } from '../support/line.js';

const parts = batchesOf([4, 3, 4, 4, 2, 4, 4, 1]);

/** What came of two epochs of three windows, and of what was saved. */
async function run(options: Partial<TrainOptions>, batches: () => Iterable<(typeof parts)[number]> = () => parts) {
  const [model, store] = [line(), memoryStore()];
  const common = { loss: squaredError, optimizer: adam({ learningRate: 0.05 }), accumulate: 3, epochs: 2 };
  const run$ = train(model, batches, { ...common, ...options }).pipe(checkpointEvery(100, store), toArray());
  const steps = (await lastValueFrom(run$)).filter(({ type }) => type === 'step');
  const events = steps.map((event) => JSON.parse(JSON.stringify(event)) as unknown); // without the run that they carry
  const weights = model.read();
  model.dispose();
  return { events, weights, saved: (await latest(store))! };
}

/** Stopped when batch `at` of the first epoch has been given. */
async function stoppedAt(at: number): Promise<Checkpoint> {
  const stop$ = new Subject<void>();
  const batches = function* () {
    for (const [i, part] of parts.entries()) {
      yield part;
      if (i === at) stop$.next();
    }
  };
  return (await run({ until: stop$ }, batches)).saved;
}

describe('atWindow', () => {
  it.each([3, 4, 6])(
    'goes back to where the window was begun, so that the run is the same (stopped at batch %i)',
    async (at) => {
      const [whole, saved] = [await run({}), await stoppedAt(at)];
      expect(saved.stages['accumulate']!.data).toHaveProperty('window');

      const begun = atWindow(saved);
      expect(begun.microStep % 3).toBe(0);
      expect(begun.stages['source']!.data).toStrictEqual({ pass: 1, given: begun.microStep });
      expect(begun.stages['accumulate']!.data).not.toHaveProperty('window');
      const { events, weights } = await run({ from: begun });
      expect(weights).toStrictEqual(whole.weights);
      expect(events).toStrictEqual(whole.events.slice(begun.globalStep));
    },
  );

  it('changes nothing between two windows', async () => {
    const { saved } = await run({});
    expect(atWindow(saved)).toBe(saved);
    expect(atWindow({ globalStep: 0, microStep: 0, epoch: 0, stages: {} })).toMatchObject({ microStep: 0 });
  });
});
