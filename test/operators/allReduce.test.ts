import * as tf from '@tensorflow/tfjs';
import * as fc from 'fast-check';
import {
  EMPTY,
  identity,
  lastValueFrom,
  map,
  of,
  range,
  Subject,
  take,
  tap,
  throwError,
  toArray,
  type OperatorFunction,
} from 'rxjs';
import { describe, expect, it } from 'vitest';

import { allReduce, type AllReduceOptions } from '../../operators/allReduce.js';
import { clipByGlobalNorm } from '../../operators/clipByGlobalNorm.js';
import { skipNonFinite } from '../../operators/skipNonFinite.js';
import { checkpointEvery } from '../../src/checkpoint/checkpointEvery.js';
import { fromFiles } from '../../src/checkpoint/files.js';
import { latest } from '../../src/checkpoint/latest.js';
import { memoryStore } from '../../src/checkpoint/memoryStore.js';
import type { Batch } from '../../src/core/batch.js';
import { CollectiveError, type Reduces } from '../../src/core/collective.js';
import { ArgumentError } from '../../src/core/errors.js';
import type { StepEvent, TrainingEvent } from '../../src/core/events.js';
import { max, sum } from '../../src/core/metric.js';
import type { Checkpoint } from '../../src/core/snapshot.js';
import type { EpochSource } from '../../src/core/source.js';
import { shardBatches } from '../../src/data/shardBatches.js';
import { adam } from '../../src/optim/adam.js';
import { broadcastWeights } from '../../src/replicas/broadcastWeights.js';
import { solo } from '../../src/replicas/solo.js';
import { sharedWorld, threads } from '../../src/replicas/threads.js';
import { numbersOf } from '../../src/testing/numbersOf.js';
import { gradientStep } from '../../src/testing/steps.js';
import { train, type TrainOptions } from '../../src/trainer/train.js';
import { batchOf, line, samples, squaredError } from '../support/line.js';
import { marbles } from '../support/marbles.js';
import { outcomeOf, type Outcome } from '../support/outcomeOf.js';

const largest = (labels: tf.Tensor, predictions: tf.Tensor) => tf.max(tf.sub(labels, predictions));
const metrics = {
  error: squaredError,
  largest: { compute: largest, reduce: max },
  total: { compute: (labels: tf.Tensor) => tf.sum(labels), reduce: sum },
};

/** The collectives of so many replicas, all in this thread. */
function world(size: number) {
  const shared = sharedWorld(size);
  return Array.from({ length: size }, (_, rank) => threads(shared, rank));
}

function trained(
  batches: EpochSource<Batch>,
  options: Partial<TrainOptions>,
  { model = line(), stage = identity as OperatorFunction<TrainingEvent, TrainingEvent> } = {},
): Promise<Outcome> {
  const common = { loss: squaredError, optimizer: adam({ learningRate: 0.05 }), metrics };
  return outcomeOf(model, train(model, batches, { ...common, ...options }).pipe(stage));
}

/** Batches of the given sizes, of samples from `from` on. */
function batches(sizes: readonly number[], from: number) {
  let at = from;
  return sizes.map((size) => samples(size, (at += size) - size));
}

function steps({ events }: Outcome): StepEvent[] {
  return events.filter((event) => event.type === 'step');
}

function near(received: unknown, expected: unknown, at = ''): void {
  if (typeof expected === 'number')
    expect(Math.abs((received as number) - expected), at).toBeLessThanOrEqual(1e-6 * Math.max(1, Math.abs(expected)));
  else if (typeof expected !== 'object' || expected === null) expect(received, at).toBe(expected);
  else {
    expect(Object.keys(received as object).sort(), at).toStrictEqual(Object.keys(expected).sort());
    for (const [key, value] of Object.entries(expected))
      near((received as Record<string, unknown>)[key], value, `${at}.${key}`);
  }
}

describe('allReduce', () => {
  it(
    'waits for the other replicas, and gives the mean of all',
    marbles((m) => {
      // The other one says the same of a gradient that is larger by 2.
      const collective: Reduces = {
        rank: 0,
        worldSize: 2,
        allGather: (bytes) => m.cold('--(a|)', { a: [bytes, bytes] }),
        allReduceMean: ([buffer]) => {
          buffer![0]! += 1;
          return m.cold('-(w|)', { w: 2 });
        },
      };
      const source = m.cold('  --a-----b--|', {
        a: gradientStep({ gradients: [1], loss: 4, weight: 3 }),
        b: gradientStep({ gradients: [5], loss: 2, globalStep: 1 }),
      });
      const expected = m.cold('-----x-----y-|', {
        x: { losses: [4], gradients: [2], weight: 6, globalStep: 0 },
        y: { losses: [2], gradients: [6], weight: 2, globalStep: 1 },
      });

      m.expect(source.pipe(allReduce(collective), numbersOf())).toBeObservable(expected);
    }),
  );

  it('makes R replicas one with batches R times as large, ragged data included', async () => {
    const sizes = fc.array(fc.integer({ min: 1, max: 4 }), { minLength: 1, maxLength: 5 });
    const replicas = fc.array(sizes, { minLength: 1, maxLength: 3 });
    const settings = fc.record({ accumulate: fc.integer({ min: 1, max: 3 }), epochs: fc.integer({ min: 1, max: 2 }) });
    await fc.assert(
      fc.asyncProperty(replicas, settings, fc.boolean(), async (all, { accumulate, epochs }, clips) => {
        const shards = all.map((each, rank) => batches(each, rank * 100));
        const together = Array.from({ length: Math.max(...all.map(({ length }) => length)) }, (_, i) =>
          batchOf(shards.flatMap((shard) => shard[i] ?? [])),
        );
        const options = { accumulate, epochs, ...(clips && { clipNorm: 0.5 }) };
        const expected = await trained(together, options);
        const received = await Promise.all(
          world(all.length).map((collective, rank) =>
            trained(
              shards[rank]!.map((part) => batchOf(part)),
              { ...options, reduce: allReduce(collective) },
            ),
          ),
        );
        for (const each of received) {
          expect(each.error).toBeUndefined();
          near(each.weights, expected.weights);
          near(
            each.events,
            expected.events.map((event) => (event.type === 'step' ? { ...event, worldSize: all.length } : event)),
          );
        }
      }),
      { numRuns: 25 },
    );
  });

  it('makes R × k micro-batches of them, too', async () => {
    const [R, k] = [2, 3];
    const parts = batches(
      Array.from({ length: 24 }, (_, i) => 1 + (i % 4)),
      0,
    );
    const expected = await trained(
      parts.map((part) => batchOf(part)),
      { accumulate: R * k },
    );
    const received = await Promise.all(
      world(R).map((collective, rank) =>
        trained(
          parts.filter((_, i) => i % R === rank).map((part) => batchOf(part)),
          { accumulate: k, reduce: allReduce(collective) },
        ),
      ),
    );
    for (const each of received) {
      near(each.weights, expected.weights);
      near(
        steps(each).map(({ loss, metrics, samples, globalStep }) => ({ loss, metrics, samples, globalStep })),
        steps(expected).map(({ loss, metrics, samples, globalStep }) => ({ loss, metrics, samples, globalStep })),
      );
    }
  });

  it('goes on from every step of replicas whose last batch does not reach all, bit for bit', async () => {
    const parts = batches([2, 3, 2, 4, 1], 0).map((part) => batchOf(part));
    const run = async (from?: Checkpoint) => {
      const store = memoryStore();
      const all = await Promise.all(
        world(2).map((collective, rank) =>
          trained(
            shardBatches(parts, rank, 2),
            { accumulate: 2, epochs: 2, reduce: allReduce(collective), ...(from && { from }) },
            { stage: rank === 0 ? checkpointEvery(1, store, { keep: 100, whenBusy: 'wait' }) : identity },
          ),
        ),
      );
      for (const { error, weights } of all) {
        expect(error).toBeUndefined();
        expect(weights).toStrictEqual(all[0]!.weights);
      }
      return { steps: steps(all[0]!), weights: all[0]!.weights, store };
    };
    const whole = await run();
    expect(whole.steps.map(({ samples }) => samples)).toStrictEqual([5, 6, 1, 5, 6, 1]);
    for (const name of (await whole.store.list()).slice(0, -1)) {
      const from = await fromFiles(await whole.store.load(name));
      const rest = await run(from);
      near(rest.steps, whole.steps.slice(from.globalStep), name);
      expect(rest.weights).toStrictEqual(whole.weights);
    }
  });

  it('changes nothing in a world of one', async () => {
    const parts = batches([3, 2, 4, 1, 2], 0).map((part) => batchOf(part));
    const [plain, reduced] = [
      await trained(parts, { accumulate: 2, epochs: 2 }),
      await trained(parts, { accumulate: 2, epochs: 2, reduce: allReduce(solo()) }),
    ];
    expect(reduced.weights).toStrictEqual(plain.weights);
    near(reduced.events, plain.events);
  });

  it('ends all after the same step when one ends early', async () => {
    const parts = batches(new Array<number>(20).fill(2), 0).map((part) => batchOf(part));
    const received = await Promise.all(
      world(3).map((collective, rank) =>
        trained(parts, { steps: rank === 1 ? 4 : 9, accumulate: 2, reduce: allReduce(collective) }),
      ),
    );
    for (const each of received) {
      expect(steps(each).map(({ globalStep }) => globalStep)).toStrictEqual([1, 2, 3, 4]);
      expect(each.weights).toStrictEqual(received[0]!.weights);
    }
    expect(received.map(({ events }) => events.at(-1))).toMatchObject([
      { type: 'end', reason: 'until', globalStep: 4 },
      { type: 'end', reason: 'steps', globalStep: 4 },
      { type: 'end', reason: 'until', globalStep: 4 },
    ]);
  });

  it('ends all between two windows, after the step that they make next, when one is asked to', async () => {
    const parts = batches(new Array<number>(20).fill(2), 0).map((part) => batchOf(part));
    const asked$ = new Subject<void>();
    const stores = [memoryStore(), memoryStore(), memoryStore()];
    const received = await Promise.all(
      world(3).map((collective, rank) => {
        function* source() {
          for (const [i, part] of parts.entries()) {
            if (rank === 2 && i === 7) asked$.next(); // in the midst of the third window of three
            yield part;
          }
        }
        const until = rank === 2 ? asked$ : EMPTY;
        return trained(
          source,
          { accumulate: 3, reduce: allReduce(collective, { until }) },
          { stage: checkpointEvery(100, stores[rank]!) as typeof identity },
        );
      }),
    );
    for (const { events, weights, error } of received) {
      expect(error).toBeUndefined();
      expect(events.map(({ type, globalStep }) => `${type} ${globalStep}`)).toStrictEqual(
        'step 1,step 2,step 3,checkpoint 3,end 3'.split(','),
      );
      expect(events.at(-1)).toMatchObject({ reason: 'until' });
      expect(weights).toStrictEqual(received[0]!.weights);
    }
    for (const store of stores) {
      const { microStep, stages } = (await latest(store))!;
      expect(microStep).toBe(9);
      expect(stages['source']!.data).toStrictEqual({ pass: 1, given: 9 });
      expect(stages['accumulate']!.data).not.toHaveProperty('window');
    }
  });

  it('has one with fewer micro-batches catch up, so that what they draw is the same if the run goes on', async () => {
    const parts = batches([2, 2, 2], 0).map((part) => batchOf(part));
    const stores = [memoryStore(), memoryStore()];
    await Promise.all(
      world(2).map((collective, rank) =>
        trained(
          () => parts.slice(0, 3 - rank),
          { epochs: 2, accumulate: 2, reduce: allReduce(collective) },
          { stage: checkpointEvery('epoch', stores[rank]!) as typeof identity },
        ),
      ),
    );
    const counts = await Promise.all(stores.map(async (store) => (await latest(store))!.microStep));
    expect(counts).toStrictEqual([6, 6]);
  });

  it('ends all when one is unsubscribed, and none waits', async () => {
    const parts = batches(new Array<number>(20).fill(2), 0).map((part) => batchOf(part));
    const collectives = world(2);
    const received = await Promise.all(
      collectives.map((collective, rank) =>
        trained(parts, { reduce: allReduce(collective) }, rank === 1 ? { stage: take(3) } : {}),
      ),
    );
    expect(received[0]!.events.at(-1)).toMatchObject({ type: 'end', reason: 'until', globalStep: 3 });
    await expect(Promise.all(collectives.map((each) => each.barrier({ timeoutMs: 1000 })))).resolves.toHaveLength(2);
  });

  it('fails on all, naming the one whose source has failed', async () => {
    const parts = batches(new Array<number>(6).fill(2), 0).map((part) => batchOf(part));
    function* broken() {
      yield* parts.slice(0, 2);
      throw new Error('disk on fire');
    }
    const received = await Promise.all(
      world(2).map((collective, rank) => trained(rank === 1 ? broken : parts, { reduce: allReduce(collective) })),
    );
    expect(received[0]!.error).toMatchObject({ name: 'CollectiveError', reason: 'died', ranks: [1] });
    expect(String(received[1]!.error)).toContain('disk on fire');
  });

  it.each<[string, (rank: number) => { options?: Partial<TrainOptions>; weights?: number[] }, string]>([
    ['other weights', (rank) => ({ weights: rank === 1 ? [1, 1] : [2, 2] }), 'the same weights: see broadcastWeights'],
    ['other metrics', (rank) => ({ options: rank === 1 ? { metrics: {} } : {} }), 'the same metrics'],
    [
      'windows of another size',
      (rank) => ({ options: { accumulate: rank === 1 ? 2 : 3 } }),
      'as many micro-batches in each window',
    ],
  ])('fails on all, naming the rank with %s', async (_, differing, message) => {
    const parts = batches(new Array<number>(12).fill(2), 0).map((part) => batchOf(part));
    const received = await Promise.all(
      world(3).map((collective, rank) => {
        const { options = {}, weights } = differing(rank);
        return trained(parts, { ...options, reduce: allReduce(collective) }, { model: line(weights) });
      }),
    );
    for (const { error } of received) {
      expect(error).toBeInstanceOf(CollectiveError);
      expect(error).toMatchObject({ reason: 'mismatch', ranks: [1] });
      expect(String(error)).toContain(message);
    }
  });

  it('finds weights that come apart, at the next comparison', async () => {
    const parts = batches(new Array<number>(12).fill(2), 0).map((part) => batchOf(part));
    const received = await Promise.all(
      world(2).map((collective, rank) => {
        const model = line();
        const drift = tap((event: TrainingEvent) => {
          if (rank === 1 && event.globalStep === 2) tf.tidy(() => model.b.assign(tf.tensor1d([0.126])));
        });
        return trained(parts, { reduce: allReduce(collective, { checkEvery: 4 }) }, { model, stage: drift });
      }),
    );
    for (const each of received) {
      expect(steps(each)).toHaveLength(4);
      expect(each.error).toMatchObject({ reason: 'mismatch', ranks: [1] });
    }
  });

  it('takes NaN of one replica for a NaN of all, which all skip', async () => {
    const parts = batches(new Array<number>(4).fill(2), 0).map((part) => batchOf(part));
    const bad = batchOf([{ x: [NaN, 0], y: 0 }]);
    const received = await Promise.all(
      world(2).map((collective, rank) =>
        trained(rank === 1 ? [parts[0]!, bad, parts[2]!] : parts.slice(0, 3), {
          metrics: {},
          skipNonFinite: true,
          reduce: allReduce(collective),
        }),
      ),
    );
    for (const each of received) {
      expect(steps(each).map(({ nonFinite }) => nonFinite?.action)).toStrictEqual([undefined, 'skipped', undefined]);
      expect(each.weights).toStrictEqual(received[0]!.weights);
    }
  });

  it.each(['float16', 'bfloat16'] as const)(
    'hands on all gradients in %s in the end, the same on all',
    async (compress) => {
      const [each, steps] = [[1.003, -1e-6, 0.0123], 400]; // prettier-ignore
      const all = await Promise.all(
        world(2).map(async (collective, rank) => {
          const source = range(0, steps).pipe(
            map((globalStep) => gradientStep({ globalStep, gradients: each.map((g) => g * (1 + rank)), loss: 0.1 })),
          );
          const read = await lastValueFrom(source.pipe(allReduce(collective, { compress }), numbersOf(), toArray()));
          expect(read[0]!.losses[0]).toBeCloseTo(0.1, 7); // not rounded to 2 bytes
          return each.map((_, i) => read.reduce((sum, { gradients }) => sum + gradients![i]!, 0));
        }),
      );
      expect(all[1]).toStrictEqual(all[0]);
      all[0]!.forEach((sum, i) => expect(Math.abs(sum / steps / (1.5 * each[i]!) - 1)).toBeLessThan(1e-3));
    },
  );

  it('trains in bfloat16 nearly as with all digits, with weights that are the same on all', async () => {
    const parts = batches(new Array<number>(24).fill(2), 0).map((part) => batchOf(part));
    const run = (options: AllReduceOptions) =>
      Promise.all(
        world(2).map((collective, rank) =>
          trained(parts.filter((_, i) => i % 2 === rank), { reduce: allReduce(collective, { checkEvery: 1, ...options }) }),
        ),
      ); // prettier-ignore
    const [half, whole] = [await run({ compress: 'bfloat16' }), await run({})];
    for (const { error, weights } of half) {
      expect(error).toBeUndefined();
      expect(weights).toStrictEqual(half[0]!.weights);
      expect(weights).not.toStrictEqual(whole[0]!.weights);
      weights.forEach((weight, i) => expect(weight).toBeCloseTo(whole[0]!.weights[i]!, 2));
    }
  });

  it('names the rank that does not come in time', async () => {
    const [collective] = world(2);
    const { error } = await trained([batchOf(samples(2))], { reduce: allReduce(collective!, { timeoutMs: 50 }) });
    expect(error).toMatchObject({ name: 'CollectiveError', reason: 'timeout', ranks: [1] });
  });

  it.each([
    ['clipByGlobalNorm', clipByGlobalNorm(1)],
    ['skipNonFinite', skipNonFinite()],
  ])('refuses to stand behind %s', async (_, stage) => {
    const run = lastValueFrom(of(gradientStep()).pipe(stage, allReduce(solo()), numbersOf()));
    await expect(run).rejects.toBeInstanceOf(ArgumentError);
  });

  it('tells nobody of its end twice: an error that comes before any step passes', async () => {
    const run = lastValueFrom(throwError(() => new Error('at once')).pipe(allReduce(solo()), toArray()));
    await expect(run).rejects.toThrow('at once');
  });

  it('refuses bad arguments at once', () => {
    expect(() => allReduce({} as Reduces)).toThrow(ArgumentError);
    expect(() => allReduce(solo(), { checkEvery: 0 })).toThrow(ArgumentError);
    expect(() => allReduce(solo(), { timeoutMs: -1 })).toThrow(ArgumentError);
    expect(() => allReduce(solo(), { compress: 'int8' as 'float16' })).toThrow(ArgumentError);
    expect(() => allReduce(solo(), { until: 'later' as never })).toThrow(ArgumentError);
  });
});

describe('broadcastWeights', () => {
  it('gives all replicas the variables of rank 0', async () => {
    const models = [line([1, 2], 3), line([4, 5], 6), line([7, 8], 9)];
    await Promise.all(world(3).map((collective, rank) => broadcastWeights(collective, models[rank]!)));
    expect(models.map((model) => model.read())).toStrictEqual([
      [1, 2, 3],
      [1, 2, 3],
      [1, 2, 3],
    ]);
    for (const model of models) model.dispose();
  });
});
