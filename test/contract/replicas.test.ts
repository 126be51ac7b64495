import * as tf from '@tensorflow/tfjs';
import { catchError, EMPTY, filter, lastValueFrom, Subject, tap, toArray, type Observable } from 'rxjs';
import { describe, expect, it } from 'vitest';

import { accumulate } from '../../operators/accumulate.js';
import { backward } from '../../operators/backward.js';
import { ema } from '../../operators/ema.js';
import { forward } from '../../operators/forward.js';
import { mergeReplicas } from '../../operators/mergeReplicas.js';
import { optimizerStep } from '../../operators/optimizerStep.js';
import { readback } from '../../operators/readback.js';
import { validateEvery } from '../../operators/validateEvery.js';
import { checkpointEvery } from '../../src/checkpoint/checkpointEvery.js';
import { latest } from '../../src/checkpoint/latest.js';
import { memoryStore } from '../../src/checkpoint/memoryStore.js';
import type { Batch } from '../../src/core/batch.js';
import type { TrainingEvent, ValidationEvent } from '../../src/core/events.js';
import { fromPull } from '../../src/core/fromPull.js';
import { readSnapshot } from '../../src/core/readSnapshot.js';
import { RUN, type InRun } from '../../src/core/run.js';
import type { Checkpoint } from '../../src/core/snapshot.js';
import type { StepResult } from '../../src/core/values.js';
import type { Remainder } from '../../src/core/windows.js';
import { adam } from '../../src/optim/adam.js';
import { isCi } from '../support/inCi.js';
import { batchesOf, line, squaredError, type Line } from '../support/line.js';

const EPOCHS = 2;
/** Of the passes in which a replica is stopped, and of the cuts from which a run goes on, every so manieth is tried. */
const EVERY = isCi ? 1 : 3;
/** Samples of each micro-batch; windows of three micro-steps, so that every epoch ends in mid-window, and its last micro-step begins in one. */
const as = [[2, 1, 2, 1, 1], [1, 3, 2, 2, 1]]; // prettier-ignore
const fewer = [[2, 2, 1, 1, 1], [3, 1]]; // prettier-ignore

interface Way {
  readonly sizes: readonly (readonly number[])[];
  readonly prefetch?: number;
  readonly remainder?: Remainder;
  /** Waits so long, in milliseconds, for each batch of this replica. */
  readonly delays?: readonly number[];
}
interface Start {
  readonly from?: Checkpoint | undefined;
  /** Asks the sources of these replicas to stop in a pass: the how manieth of which replica. */
  readonly stop?: { readonly pass: number; readonly by: number; readonly of: readonly number[] };
  /** Makes the source of a replica fail after so many batches. */
  readonly fail?: { readonly of: number; readonly after: number };
  readonly onBatch?: (value: InRun) => void;
}

const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
const plain = (event: TrainingEvent) => structuredClone({ ...event, [RUN]: undefined });
/** A line whose inputs are dropped out, so that each pass draws its own numbers. */
const dropping = (model: Line): Line => ({
  ...model,
  apply: (xs: tf.Tensor2D, { training }) => model.apply(training ? tf.dropout(xs, 0.3) : xs, { training }),
});

async function run({ sizes, prefetch = 1, remainder = 'flush', delays = [] }: Way, start: Start = {}) {
  const { from, stop, fail, onBatch } = start;
  const [model, store] = [dropping(line()), memoryStore()];
  const until = sizes.map(() => new Subject<void>());
  const passes = sizes.map(() => 0);
  let seen = 0;
  let error = '';
  const replica$ = (rank: number) => {
    let given = 0;
    async function* shard(): AsyncGenerator<Batch> {
      for (const batch of batchesOf(sizes[rank]!)) {
        if (fail?.of === rank && fail.after === given++) throw new Error('disk gone');
        if (delays[rank]) await sleep(delays[rank]);
        yield batch;
      }
    }
    const count = (): void => {
      passes[rank]! += 1;
      if (stop?.by === rank && passes[rank] === stop.pass) stop.of.forEach((each) => until[each]!.next());
    };
    const source = fail || delays.length > 0 ? shard : () => batchesOf(sizes[rank]!);
    return fromPull<Batch>(source, { epochs: EPOCHS, prefetch, until: until[rank]!, ...(from && { from }) }).pipe(
      tap((value) => (seen++, rank === 0 && onBatch?.(value))),
      tap((value) => !value[RUN]!.isRepeat!() && count()),
      forward(model, squaredError, { seed: rank }),
      backward(),
    );
  };
  const events$: Observable<TrainingEvent> = mergeReplicas(sizes.map((_, rank) => replica$(rank))).pipe(
    accumulate(3, { remainder }),
    optimizerStep(adam({ learningRate: 0.05 })),
    validateEvery(2, batchesOf([3])),
    readback<StepResult | ValidationEvent>(),
    ema<TrainingEvent>('loss', { alpha: 0.3 }),
    checkpointEvery<TrainingEvent>(1000, store),
    filter(({ type }) => type !== 'checkpoint'),
    catchError((thrown: unknown) => ((error = String(thrown)), EMPTY)),
  );
  const events = (await lastValueFrom(events$.pipe(toArray()))).map(plain);
  const weights = model.read();
  model.dispose();
  return { events, weights, passes, seen, error, rest: await latest(store) };
}

const ways: Record<string, Way> = {
  'as many micro-batches': { sizes: as },
  'three, and fewer': { sizes: [...fewer, [1, 2, 2]] },
  'fewer, drop': { sizes: fewer, remainder: 'drop' },
  'fewer, carry': { sizes: fewer, remainder: 'carry' },
  'without prefetching': { sizes: as, prefetch: 0 },
  'the first is slow': { sizes: as, delays: [2, 0] },
  'the second is slow, and has fewer': { sizes: fewer, delays: [0, 2] },
};

describe.each(Object.entries(ways))('C11: replicas over several epochs, %s', (name, way) => {
  it('begin each epoch together, on weights that none has moved', async () => {
    const { events, passes } = await run(way);
    const steps = events.filter((event) => event.type === 'step');
    const windows = {
      flush: ['1: 3', '1: 2', '2: 3', '2: 2'],
      drop: ['1: 3', '2: 3'],
      carry: ['1: 3', '2: 3', '2: 3', '2: 1'],
    };

    expect(passes).toStrictEqual(way.sizes.map((each) => EPOCHS * each.length));
    expect(steps.map(({ epoch, microBatches }) => `${epoch}: ${microBatches.length}`)).toStrictEqual(windows[way.remainder ?? 'flush']); // prettier-ignore
    expect(steps.at(-1)!.microStep).toBe(way.remainder === 'drop' ? 8 : 10);
  });

  it('go on from every micro-step as if they had never been cut, bit for bit', async () => {
    const cuts: Promise<Checkpoint>[] = [];
    const whole = await run(way, {
      onBatch: (value) => cuts.push(value[RUN]!.state!.snapshot().then((taken) => readSnapshot(taken!))),
    });
    const taken = await Promise.all(cuts);
    expect(taken.map(({ microStep }) => microStep)).toStrictEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
    for (const from of taken.slice(0, -1).filter((_, i) => i % EVERY === 0)) {
      const rest = await run(way, { from });
      const wanted = whole.events.filter(({ globalStep }) => globalStep > from.globalStep);
      expect({ from: from.microStep, events: rest.events }).toStrictEqual({ from: from.microStep, events: wanted });
      expect(rest.weights).toStrictEqual(whole.weights);
    }
  });

  const stops = { 'the first': [0], 'the second': [1], 'all of them': way.sizes.map((_, rank) => rank) };
  it.each(Object.entries(stops))('go on as if %s had never been stopped, wherever that was', async (_, of) => {
    const whole = await run(way);
    for (const by of of.length > 1 ? [0, 1] : of.map((rank) => 1 - rank)) {
      const last = EPOCHS * way.sizes[by]!.length;
      // One that is stopped before it has given anything is one that gives nothing.
      for (let pass = of.length > 1 ? 1 : 2; pass <= last; pass += EVERY) {
        const at = `${name}: ${of.join()} in pass ${pass} of ${by}`;
        const first = await run(way, { stop: { pass, by, of } });
        const second = first.rest ? await run(way, { from: first.rest }) : await run(way);
        expect({ at, events: [...first.events, ...second.events] }).toStrictEqual({ at, events: whole.events });
        // Where nothing was left to be given, the model is as the first run left it.
        const { weights } = second.seen > 0 ? second : first;
        expect({ at, weights }).toStrictEqual({ at, weights: whole.weights });
      }
    }
  });
});

it.each([0, 1])('C11: what there is when the source of replica %d fails is saved, and goes on', async (of) => {
  const way = { sizes: as };
  const whole = await run(way);
  for (let after = 1; after < 10; after += EVERY) {
    const first = await run(way, { fail: { of, after } });
    expect(first.error).toContain('disk gone');
    const second = await run(way, { from: first.rest! });
    expect({ after, events: [...first.events, ...second.events] }).toStrictEqual({ after, events: whole.events });
    expect({ after, weights: second.weights }).toStrictEqual({ after, weights: whole.weights });
  }
});
