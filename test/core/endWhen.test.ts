import { concat, from, ignoreElements, lastValueFrom, map, tap, timer, toArray, type Observable } from 'rxjs';
import { describe, expect, it } from 'vitest';

import { averageWeights } from '../../operators/averageWeights.js';
import { readback } from '../../operators/readback.js';
import { stopEarly } from '../../operators/stopEarly.js';
import { tee } from '../../operators/tee.js';
import { trainStep } from '../../operators/trainStep.js';
import { checkpointEvery } from '../../src/checkpoint/checkpointEvery.js';
import { latest } from '../../src/checkpoint/latest.js';
import { memoryStore } from '../../src/checkpoint/memoryStore.js';
import type { CheckpointStore } from '../../src/checkpoint/store.js';
import type { Batch } from '../../src/core/batch.js';
import { endWhen } from '../../src/core/endWhen.js';
import type { TrainingEvent } from '../../src/core/events.js';
import { fromPull } from '../../src/core/fromPull.js';
import { RUN } from '../../src/core/run.js';
import { adam } from '../../src/optim/adam.js';
import { stepEvent } from '../../src/testing/steps.js';
import { train } from '../../src/trainer/train.js';
import { batchesOf, line, squaredError } from '../support/line.js';

const options = { loss: squaredError, optimizer: adam({ learningRate: 0.1 }) };
const all = <T>(events$: Observable<T>): Promise<T[]> => lastValueFrom(events$.pipe(toArray()));
const said = (events: readonly TrainingEvent[]): string[] =>
  events
    .filter(({ type }) => type !== 'checkpoint')
    .map((event) => (event.type === 'end' ? `${event.reason} ${event.globalStep}` : String(event.globalStep)));
const at = (step: number) =>
  endWhen<TrainingEvent>(({ globalStep }) => (globalStep === step ? { reason: 'duration' } : undefined));

/** Batches of one sample, and how many have been asked for, and whether the source was let go. */
function watched() {
  const state = { asked: 0, released: false };
  function* source(): Generator<Batch> {
    try {
      for (const batch of batchesOf(Array<number>(20).fill(1))) {
        state.asked += 1;
        yield batch;
      }
    } finally {
      state.released = true;
    }
  }
  return { state, source };
}

describe('a run that an operator ends', () => {
  it('is a train whose end event has the reason, once, for whatever stands before and behind', async () => {
    const model = line();
    const { state, source } = watched();
    const before: TrainingEvent[] = [];
    const events = await all(train(model, source, options).pipe(tap((event) => before.push(event)), at(3))); // prettier-ignore
    model.dispose();

    expect(said(events)).toStrictEqual(['1', '2', '3', 'duration 3']);
    expect(said(before)).toStrictEqual(said(events));
    expect(state.released).toBe(true);
    expect(state.asked).toBeLessThanOrEqual(4); // one is prefetched
  });

  it('keeps the first of two reasons', async () => {
    const model = line();
    const events = await all(
      train(model, () => batchesOf([1, 1, 1]), { ...options, steps: 3 }).pipe(
        at(2),
        stopEarly('loss', { patience: 1, minDelta: 100 }),
      ),
    );
    model.dispose();

    expect(said(events)).toStrictEqual(['1', '2', 'duration 2']);
  });

  it('still takes the checkpoints that are due, also behind a stage that takes its time, and goes on from them', async () => {
    const run = async (store: CheckpointStore, more: object) => {
      const model = line();
      const events = await all(
        train(model, () => batchesOf([1, 1, 1]), { ...options, accumulate: 2, ...more }).pipe(
          tee(() => timer(2)),
          checkpointEvery(2, store),
        ),
      );
      const after = model.read();
      model.dispose();
      return { events: said(events), after };
    };
    const store = memoryStore();
    const whole = await run(memoryStore(), { steps: 6 });
    const first = await run(store, { steps: 4 });
    const from = await latest(store);

    expect(first.events).toStrictEqual(['1', '2', '3', '4', 'steps 4']);
    expect(from).toMatchObject({ globalStep: 4 });
    expect(await run(store, { steps: 6, from })).toStrictEqual({
      events: ['5', '6', 'steps 6'],
      after: whole.after,
    });
    expect(await run(store, { steps: 4, from })).toStrictEqual({ events: ['steps 4'], after: first.after });
  });

  it('has trained weights in its last checkpoint, though the model is given their average', async () => {
    const store = memoryStore();
    const [model, plain] = [line(), line()];
    await all(train(model, () => batchesOf([1, 1, 1]), { ...options, steps: 3 }).pipe(averageWeights({ from: 1 }), checkpointEvery(3, store))); // prettier-ignore
    await all(train(plain, () => batchesOf([1, 1, 1]), { ...options, steps: 3 }));
    const saved = Object.values((await latest(store))!.stages['model']!.arrays!).flatMap(({ data }) => [...data]);

    expect(saved).toStrictEqual(plain.read());
    expect(model.read()).not.toStrictEqual(plain.read());
    [model, plain].forEach((each) => each.dispose());
  });

  it('lets the steps pass that were read along with the last, and counts them', async () => {
    const model = line();
    const events = await all(
      fromPull(batchesOf([1, 1, 1, 1, 1, 1, 1, 1])).pipe(trainStep(model, options), readback(3), at(4)),
    );
    model.dispose();

    expect(said(events)).toStrictEqual(['1', '2', '3', '4', '5', '6', 'duration 6']);
  });

  it('asks a source for nothing more, and leaves alone one that cannot be told', async () => {
    const { state, source } = watched();
    const batches = await all(
      fromPull(source, { prefetch: 0 }).pipe(
        tap((batch) => state.asked === 2 && batch[RUN]!.end!({ reason: 'until' })),
      ),
    );
    expect(batches).toHaveLength(2);
    expect(state).toStrictEqual({ asked: 2, released: true });

    const untold = await all(concat(from([1, 2, 3]).pipe(map((n) => stepEvent(n))), timer(0).pipe(ignoreElements())).pipe(at(2))); // prettier-ignore
    expect(said(untold as TrainingEvent[])).toStrictEqual(['1', '2', 'duration 2']);
  });

  it('makes no step of a window that is under way when nothing more is asked for', async () => {
    const model = line();
    const events = await all(
      train(model, () => batchesOf([1, 1, 1, 1]), { ...options, accumulate: 3, epochs: 5 }).pipe(at(4)),
    );
    model.dispose();

    expect(said(events)).toStrictEqual(['1', '2', '3', '4', 'duration 4']); // each epoch's fourth batch is a step of its own
  });
});

describe('a snapshot', () => {
  it('is none when the run is stopped before it can be taken, and ever after', async () => {
    const model = line();
    let later: (() => Promise<unknown>) | undefined;
    const waiting = new Promise((resolve) => {
      const run = fromPull(batchesOf([1, 1])).subscribe((batch) => {
        const { state } = batch[RUN]!;
        later = () => state!.snapshot();
        resolve(state!.snapshot());
        queueMicrotask(() => run.unsubscribe());
      });
    });

    expect(await waiting).toBeUndefined();
    expect(await later!()).toBeUndefined();
    model.dispose();
  });
});
