import { filter, lastValueFrom, Subject, tap, toArray, type Observable } from 'rxjs';
import { describe, expect, it } from 'vitest';

import { accumulate } from '../../operators/accumulate.js';
import { backward } from '../../operators/backward.js';
import { ema } from '../../operators/ema.js';
import { forward } from '../../operators/forward.js';
import { optimizerStep } from '../../operators/optimizerStep.js';
import { readback } from '../../operators/readback.js';
import { checkpointEvery, type CheckpointOptions } from '../../src/checkpoint/checkpointEvery.js';
import type { Every } from '../../src/checkpoint/cadence.js';
import { latest } from '../../src/checkpoint/latest.js';
import { memoryStore } from '../../src/checkpoint/memoryStore.js';
import type { Batch } from '../../src/core/batch.js';
import type { StepEvent, TrainingEvent } from '../../src/core/events.js';
import { fromPull } from '../../src/core/fromPull.js';
import { RUN } from '../../src/core/run.js';
import type { Checkpoint } from '../../src/core/snapshot.js';
import type { Remainder } from '../../src/core/windows.js';
import { adam } from '../../src/optim/adam.js';
import { train } from '../../src/trainer/train.js';
import { batchesOf, line, squaredError, type Line } from '../support/line.js';

/** Four micro-batches an epoch, the last of one sample, and windows of three: an epoch ends in mid-window. */
const SIZES = [2, 2, 2, 1];
const PASSES = 2 * SIZES.length;

type Loss = typeof squaredError;
interface Start {
  readonly loss: Loss;
  readonly until: Observable<unknown>;
  readonly from: Checkpoint | undefined;
}
type Way = (model: Line, start: Start) => Observable<TrainingEvent>;

const atHand = () => batchesOf(SIZES);
/** Whether more comes is known long after a stop has been asked for. */
async function* slow(): AsyncGenerator<Batch> {
  for (const batch of batchesOf(SIZES)) yield batch;
  await new Promise((resolve) => setTimeout(resolve, 15));
}
/** One source that is read through twice, and says itself which epoch a batch belongs to. */
const labelled = () => [1, 2].flatMap((epoch) => batchesOf(SIZES).map((batch) => ({ ...batch, epoch })));

const inTrain =
  (source: () => AsyncGenerator<Batch> | Batch[]): Way =>
  (model, { loss, until, from }) =>
    train(model, source, { loss, until, from, optimizer: adam({ learningRate: 0.05 }), accumulate: 3, epochs: 2 });

const byStages =
  (remainder: Remainder, source: () => Batch[] = atHand): Way =>
  (model, { loss, until, from }) =>
    // Without prefetching, a source that is to stop is asked no more, and does not know whether its epoch is over.
    fromPull<Batch>(source, { epochs: source === labelled ? 1 : 2, prefetch: 0, until, ...(from && { from }) }).pipe(
      forward(model, loss),
      backward(),
      accumulate(3, { remainder }),
      optimizerStep(adam({ learningRate: 0.05 })),
      readback(),
      ema<StepEvent>('loss', { alpha: 0.3 }),
    );

const ways: Record<string, Way> = {
  'train, batches at hand': inTrain(atHand),
  'train, a slow source': inTrain(slow),
  'by stages, flush': byStages('flush'),
  'by stages, drop': byStages('drop'),
  'by stages, carry': byStages('carry'),
  'by stages, epochs that the source tells': byStages('flush', labelled),
};

const isNews = ({ type }: TrainingEvent): boolean => type !== 'checkpoint' && type !== 'end';
const plain = (event: TrainingEvent) => structuredClone({ ...event, [RUN]: undefined });

/** Runs until the pass of that number; events and weights, and what there is to go on from. */
async function run(way: Way, stopAt: number, from?: Checkpoint, every: Every = 1000, more: CheckpointOptions = {}) {
  const [model, store, until] = [line(), memoryStore(), new Subject<void>()];
  let passes = from?.microStep ?? 0;
  const loss: Loss = (labels, predictions) => {
    passes += 1;
    if (passes === stopAt) until.next();
    return squaredError(labels, predictions);
  };
  const saved: TrainingEvent[] = [];
  const events$ = way(model, { loss, until, from }).pipe(
    checkpointEvery<TrainingEvent>(every, store, more),
    tap((event) => event.type === 'checkpoint' && saved.push(event)),
    filter(isNews),
  );
  const events = (await lastValueFrom(events$.pipe(toArray()))).map(plain);
  const weights = model.read();
  model.dispose();
  return { events, weights, passes, saved, rest: await latest(store) };
}

describe.each(Object.entries(ways))('C11: a run that is stopped, %s', (_, way) => {
  it('goes on as if it had never been stopped, wherever that was', async () => {
    const whole = await run(way, Infinity);
    expect(whole.passes).toBe(PASSES);
    for (let stopAt = 3; stopAt <= PASSES; stopAt++) {
      const first = await run(way, stopAt);
      const second = await run(way, Infinity, first.rest);
      expect({ stopAt, passes: first.passes }).toStrictEqual({ stopAt, passes: stopAt });
      expect({ stopAt, events: [...first.events, ...second.events] }).toStrictEqual({ stopAt, events: whole.events });
      expect(second.weights).toStrictEqual(whole.weights);
    }
  });
});

it('a run that is stopped at an epoch’s end saves that epoch when it goes on', async () => {
  const first = await run(byStages('flush'), SIZES.length);
  expect(first.events).toHaveLength(1);
  const second = await run(byStages('flush'), Infinity, first.rest, 'epoch');

  expect(second.saved).toMatchObject([
    { reason: 'epoch', globalStep: 2, name: '0000000002-0000000004' },
    { reason: 'epoch', globalStep: 4, name: '0000000004-0000000008' },
  ]);
});

it('a run that is stopped in mid-window as all is over has a step to make yet, and can be ended after it', async () => {
  const first = await run(byStages('flush'), PASSES);
  const second = await run(byStages('flush'), Infinity, first.rest);
  const third = await run(byStages('flush'), Infinity, second.rest);

  expect(second.events).toMatchObject([{ globalStep: 4, microStep: PASSES, epoch: 2, samples: 1 }]);
  expect(third.events).toStrictEqual([]);
});
