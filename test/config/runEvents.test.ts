import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs';
import { delay, lastValueFrom, NEVER, of, toArray } from 'rxjs';
import { afterAll, expect, it } from 'vitest';

import { parseConfig } from '../../src/config/parseConfig.js';
import { runEvents } from '../../src/config/runEvents.js';
import { runFolder } from '../../src/config/runFolder.js';
import { waitMap } from '../../src/core/run.js';
import { sharedWorld, threads } from '../../src/replicas/threads.js';
import { batchesOf, line } from '../support/line.js';

const folder = mkdtempSync(join(tmpdir(), 'gradstream-events-'));
afterAll(() => rmSync(folder, { recursive: true }));

it.each([
  [0, 'duration'],
  [1, 'steps'],
])('ends replicas by the clock of the first only, if that of %i is over: by %s', async (rank, reason) => {
  const shared = sharedWorld(2);
  const slowly = waitMap((event: object) => of(event).pipe(delay(2)));
  const ends = [0, 1].map(async (each) => {
    const config = {
      model: () => line(),
      data: { train: () => batchesOf([4, 4, 4]) },
      loss: 'mse',
      optimizer: { name: 'sgd' },
      steps: 8,
      operators: [slowly, ...(each === rank ? [{ maxDuration: ['4ms'] }] : [])],
    };
    const plan = parseConfig(config, 'test');
    const model = line();
    const events = await lastValueFrom(
      runEvents(plan, {
        model,
        batches: plan.data.train as never,
        validation: undefined,
        folder: each === 0 ? runFolder(join(folder, String(rank))) : undefined,
        collective: threads(shared, each),
        from: undefined,
        stop$: NEVER,
        watch: { next: () => undefined },
      }).pipe(toArray()),
    );
    model.dispose();
    return events.at(-1);
  });
  const [first, second] = await Promise.all(ends);
  expect(first).toMatchObject({ type: 'end', reason });
  expect(second!.globalStep).toBe(first!.globalStep);
  if (reason === 'steps') expect(first!.globalStep).toBe(8);
  else expect(first!.globalStep).toBeLessThan(8);
  expect(tf.getBackend()).toBe('cpu');
});
