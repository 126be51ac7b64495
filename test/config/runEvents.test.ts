import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { delay, lastValueFrom, NEVER, of, toArray } from 'rxjs';
import { afterAll, expect, it } from 'vitest';

import { latest } from '../../src/checkpoint/latest.js';
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
  const at = (each: number): string => join(folder, `${reason}${each}`);
  const ends = [0, 1].map(async (each) => {
    const config = {
      model: () => line(),
      data: { train: () => batchesOf([4, 4, 4]) },
      loss: 'mse',
      optimizer: { name: 'sgd' },
      steps: 8,
      seed: 7,
      operators: [slowly, ...(each === rank ? [{ maxDuration: ['4ms'] }] : [])],
    };
    const plan = parseConfig(config, 'test');
    const model = line();
    const events = await lastValueFrom(
      runEvents(plan, {
        model,
        batches: plan.data.train as never,
        validation: undefined,
        folder: runFolder(at(each)),
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
  // Each draws its own.
  const saved = await Promise.all([0, 1].map((each) => latest(runFolder(at(each)).store)));
  expect(saved.map((each) => each!.stages['model']!.data)).toMatchObject([
    { options: { seed: 7 } },
    { options: { seed: 8 } },
  ]);
});
