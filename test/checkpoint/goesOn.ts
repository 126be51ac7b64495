import { lastValueFrom, toArray } from 'rxjs';
import { expect } from 'vitest';

import { checkpointEvery } from '../../src/checkpoint/checkpointEvery.js';
import { latest } from '../../src/checkpoint/latest.js';
import { memoryStore } from '../../src/checkpoint/memoryStore.js';
import type { CheckpointStore } from '../../src/checkpoint/store.js';
import type { Checkpoint } from '../../src/core/snapshot.js';
import { network, runOf, weightsOf } from './support.js';

async function trained(store: CheckpointStore, epochs: number, from?: Checkpoint) {
  const model = network();
  const events = await lastValueFrom(
    runOf(model, epochs, from).pipe(checkpointEvery(2, store, { whenBusy: 'wait' }), toArray()),
  );
  const weights = weightsOf(model);
  model.dispose();
  const others = events.filter(({ type }) => type !== 'checkpoint'); // when a store is done is its own affair
  return { events: others.map((event) => structuredClone({ ...event })), weights };
}

/** Expects that a run which ends and goes on from what a store kept is the run that never ended, bit for bit. */
export async function expectToGoOnFrom(open: () => CheckpointStore): Promise<void> {
  const whole = await trained(memoryStore(), 3);
  await trained(open(), 2);
  const from = await latest(open());
  const rest = await trained(open(), 3, from);

  expect(from).toMatchObject({ globalStep: 6 });
  expect(rest.weights).toStrictEqual(whole.weights);
  expect(rest.events).toStrictEqual(whole.events.filter(({ type, globalStep }) => type === 'end' || globalStep > 6));
  expect(await open().list()).toHaveLength(3);
}
