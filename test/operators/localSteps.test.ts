import * as tf from '@tensorflow/tfjs';
import { identity, lastValueFrom, map, take, tap, throwError, toArray, type OperatorFunction } from 'rxjs';
import { describe, expect, it } from 'vitest';

import { allReduce } from '../../operators/allReduce.js';
import { averageWeights } from '../../operators/averageWeights.js';
import { ema } from '../../operators/ema.js';
import { localSteps, type LocalStepsOptions } from '../../operators/localSteps.js';
import { readback } from '../../operators/readback.js';
import { trainStep } from '../../operators/trainStep.js';
import { validateEvery } from '../../operators/validateEvery.js';
import { checkpointEvery } from '../../src/checkpoint/checkpointEvery.js';
import { latest } from '../../src/checkpoint/latest.js';
import { memoryStore } from '../../src/checkpoint/memoryStore.js';
import type { Batch } from '../../src/core/batch.js';
import type { Collective, Reduces } from '../../src/core/collective.js';
import { ArgumentError } from '../../src/core/errors.js';
import type { StepEvent, TrainingEvent } from '../../src/core/events.js';
import { fromPull } from '../../src/core/fromPull.js';
import { max } from '../../src/core/metric.js';
import { readSnapshot } from '../../src/core/readSnapshot.js';
import { RUN } from '../../src/core/run.js';
import type { Checkpoint } from '../../src/core/snapshot.js';
import { adam } from '../../src/optim/adam.js';
import { sgd } from '../../src/optim/sgd.js';
import { solo } from '../../src/replicas/solo.js';
import { sharedWorld, threads } from '../../src/replicas/threads.js';
import { stepEvent, validationEvent } from '../../src/testing/steps.js';
import { train, type TrainOptions } from '../../src/trainer/train.js';
import { batchOf, line, samples, squaredError, type Line } from '../support/line.js';
import { marbles } from '../support/marbles.js';
import { outcomeOf, type Outcome } from '../support/outcomeOf.js';

const largest = (labels: tf.Tensor, predictions: tf.Tensor) => tf.max(tf.sub(labels, predictions));
const metrics = { error: squaredError, largest: { compute: largest, reduce: max } };
type Stage = OperatorFunction<TrainingEvent, TrainingEvent>;

/** The collectives of so many replicas, all in this thread. */
function world(size: number): Collective[] {
  const shared = sharedWorld(size);
  return Array.from({ length: size }, (_, rank) => threads(shared, rank));
}

/** Batches of the given sizes, other ones on each rank. */
function shard(sizes: readonly number[], rank = 0): Batch[] {
  let at = 100 * rank;
  return sizes.map((size) => batchOf(samples(size, (at += size) - size)));
}

interface Replica {
  readonly model?: Line;
  readonly stage?: (model: Line) => Stage;
  readonly behind?: Stage;
}

async function trained(
  batches: readonly Batch[] | (() => Iterable<Batch>),
  options: Partial<TrainOptions>,
  { model = line(), stage = () => identity, behind = identity }: Replica = {},
): Promise<Outcome> {
  const common = { loss: squaredError, optimizer: adam({ learningRate: 0.05 }), metrics };
  const { events, ...rest } = await outcomeOf(
    model,
    train(model, batches, { ...common, ...options }).pipe(stage(model), behind),
  );
  return { events: events.map(plain), ...rest };
}

function plain(event: TrainingEvent): TrainingEvent {
  const { [RUN]: _, ...rest } = event;
  return rest as TrainingEvent;
}

const stepsIn = ({ events }: Outcome): StepEvent[] => events.filter((event) => event.type === 'step');
const numbers = (each: Outcome): number[] => stepsIn(each).map(({ globalStep }) => globalStep);
const local = (collective: Reduces, options: LocalStepsOptions) => (model: Line) =>
  localSteps(collective, model, options);

/** One run on each replica; what differs is said by rank. */
function replicas(
  sizes: readonly (readonly number[])[],
  how: LocalStepsOptions,
  {
    options = () => ({}),
    replica = () => ({}),
  }: { options?: (rank: number) => Partial<TrainOptions>; replica?: (rank: number) => Replica } = {},
): Promise<Outcome[]> {
  return Promise.all(
    world(sizes.length).map((collective, rank) =>
      trained(shard(sizes[rank]!, rank), options(rank), { stage: local(collective, how), ...replica(rank) }),
    ),
  );
}

function expectNear(received: readonly number[], expected: readonly number[], margin = 1e-6): void {
  expect(received).toHaveLength(expected.length);
  received.forEach((value, i) =>
    expect(Math.abs(value - expected[i]!)).toBeLessThanOrEqual(margin * Math.max(1, Math.abs(expected[i]!))),
  );
}

/** Every replica has the same events and, to the bit, the same weights. */
function expectTogether(all: readonly Outcome[]): void {
  for (const each of all) {
    expect(each.error).toBeUndefined();
    expect(stepsIn(each)).toStrictEqual(stepsIn(all[0]!));
    expect(each.weights).toStrictEqual(all[0]!.weights);
  }
}

describe('localSteps', () => {
  it(
    'holds the steps of a round back, meets the others, and gives the events of all together',
    marbles((m) => {
      const model = line();
      const collective: Reduces = {
        rank: 0,
        worldSize: 2,
        allGather: (bytes) => m.cold('--(a|)', { a: [bytes, bytes] }),
        allReduceMean: () => m.cold('-(w|)', { w: 2 }),
      };
      const events = {
        ...{ a: stepEvent(1, { loss: 1 }), b: stepEvent(2, { loss: 2 }), c: stepEvent(3, { loss: 3 }) },
        ...{ u: validationEvent(0), v: validationEvent(1) },
      };
      const source = m.cold('  ua-v-b-----c--|', events);
      const expected = m.cold<(string | number)[]>('u-------(avb)----(c|)', {
        ...{ u: ['validation', 0], v: ['validation', 1] },
        ...{ a: [1, 1, 2], b: [2, 2, 2], c: [3, 3, 2] },
      });
      const shown = map((event: TrainingEvent): (string | number)[] =>
        event.type === 'step' ? [event.globalStep, event.loss, event.worldSize] : [event.type, event.globalStep],
      );

      m.expect(
        source.pipe(localSteps(collective, model, { every: 2 }), shown, tap({ finalize: () => model.dispose() })),
      ).toBeObservable(expected);
    }),
  );

  it('is a synchronous step, if each is a round and the outer step goes all the way', async () => {
    const sizes = [
      [3, 1, 2, 2, 4, 1],
      [1, 2, 2, 3, 1, 1],
      [2, 2, 1, 1, 1, 3],
    ];
    const options = { optimizer: sgd({ learningRate: 0.1 }), accumulate: 2 };
    const ours = await replicas(sizes, { every: 1, learningRate: 1, momentum: 0 }, { options: () => options });
    const theirs = await Promise.all(
      world(3).map((collective, rank) =>
        trained(shard(sizes[rank]!, rank), { ...options, reduce: allReduce(collective) }),
      ),
    );

    expectTogether(ours);
    expectNear(ours[0]!.weights, theirs[0]!.weights);
    const [received, expected] = [stepsIn(ours[0]!), stepsIn(theirs[0]!)];
    expect(received).toHaveLength(3);
    received.forEach((event, i) => {
      const { loss, metrics, microBatches, ...rest } = event;
      const { loss: wanted, metrics: wantedMetrics, microBatches: wantedBatches, ...same } = expected[i]!;
      expect(rest).toStrictEqual(same);
      expectNear([loss, ...Object.values(metrics)], [wanted, ...Object.values(wantedMetrics)]);
      expectNear(
        microBatches.flatMap(({ loss, weight }) => [loss, weight]),
        wantedBatches.flatMap(({ loss, weight }) => [loss, weight]),
      );
    });
  });

  it('is what DiLoCo says, by hand', async () => {
    const sizes = [[2, 1, 3, 2, 1, 2, 2], [1, 1, 1, 4, 2, 1, 3], [3, 2, 2, 1, 1, 1, 1]]; // prettier-ignore
    const [every, outer, momentum, rate] = [3, 0.7, 0.9, 0.1];
    const all = await replicas(sizes, { every }, { options: () => ({ optimizer: sgd({ learningRate: rate }) }) });

    // In doubles: y = w·x + b, and the mean of squares.
    let [anchor, velocity] = [
      [0.5, -0.25, 0.125],
      [0, 0, 0],
    ];
    for (let begin = 0; begin < 7; begin += every) {
      const weights = sizes.map(() => [...anchor]);
      const seen = sizes.map(() => 0);
      sizes.forEach((each, rank) => {
        const before = each.slice(0, begin).reduce((a, b) => a + b, 0);
        let at = 100 * rank + before;
        for (const size of each.slice(begin, begin + every)) {
          const gradient = [0, 0, 0];
          for (const { x, y } of samples(size, at)) {
            const [w1, w2, b] = weights[rank] as [number, number, number];
            const error = (2 * (w1 * x[0] + w2 * x[1] + b - y)) / size;
            [x[0], x[1], 1].forEach((input, i) => (gradient[i]! += error * input));
          }
          gradient.forEach((g, i) => (weights[rank]![i]! -= rate * g));
          seen[rank]! += size;
          at += size;
        }
      });
      const total = seen.reduce((a, b) => a + b);
      const delta = anchor.map((a, i) => weights.reduce((sum, w, r) => sum + (seen[r]! / total) * (a - w[i]!), 0));
      velocity = velocity.map((v, i) => momentum * v + delta[i]!);
      anchor = anchor.map((a, i) => a - outer * (delta[i]! + momentum * velocity[i]!));
    }

    expectTogether(all);
    expectNear(all[0]!.weights, anchor);
  });

  it("gives one event for each global step, of all replicas' losses; those of the first round are what each has alone", async () => {
    const sizes = [[2, 1, 3, 2], [1, 4, 1, 1]]; // prettier-ignore
    const all = await replicas(sizes, { every: 3 });
    const alone = await Promise.all(sizes.map((each, rank) => trained(shard(each, rank), {})));

    expectTogether(all);
    expect(numbers(all[0]!)).toStrictEqual([1, 2, 3, 4]);
    stepsIn(all[0]!)
      .slice(0, 3)
      .forEach((event, i) => {
        const [a, b] = alone.map((each) => stepsIn(each)[i]!) as [StepEvent, StepEvent];
        expectNear([event.loss], [(a.loss * a.samples + b.loss * b.samples) / (a.samples + b.samples)]);
        expectNear([event.metrics['largest']!], [Math.max(a.metrics['largest']!, b.metrics['largest']!)]);
        expect(event.samples).toBe(a.samples + b.samples);
        expect(event).toMatchObject({ worldSize: 2, epoch: 1, microStep: i + 1, learningRate: 0.05 });
      });
    const last = stepsIn(all[0]!)[3]!;
    expect(last.microBatches.map(({ weight }) => weight)).toStrictEqual([3]);
  });

  it('changes nothing in a world of one whose outer step goes all the way', async () => {
    const sizes = [3, 2, 1, 2, 2];
    const options = { epochs: 2, accumulate: 2, clipNorm: 0.5 };
    const plain = await trained(shard(sizes), options);
    const ours = await trained(shard(sizes), options, { stage: local(solo(), { every: 4, learningRate: 1, momentum: 0 }) }); // prettier-ignore

    expectNear(ours.weights, plain.weights);
    expect(ours.events.map(({ type, globalStep, epoch }) => ({ type, globalStep, epoch }))).toStrictEqual(
      plain.events.map(({ type, globalStep, epoch }) => ({ type, globalStep, epoch })),
    );
    expect(stepsIn(ours).map(({ gradientNorm }) => typeof gradientNorm)).toStrictEqual(new Array(6).fill('number'));
  });

  it('goes on over the ends of epochs, and ends with a shorter round', async () => {
    const sizes = new Array<number>(5).fill(2);
    const all = await replicas([sizes, sizes], { every: 4 }, { options: () => ({ epochs: 2 }) });
    expectTogether(all);
    expect(numbers(all[0]!)).toStrictEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
    expect(stepsIn(all[0]!).map(({ epoch }) => epoch)).toStrictEqual([1, 1, 1, 1, 1, 2, 2, 2, 2, 2]);
    expect(all.map(({ events }) => events.at(-1))).toMatchObject(new Array(2).fill({ type: 'end', globalStep: 10, reason: 'epochs' })); // prettier-ignore
  });

  it('lets a replica whose data is over take part without weight until all are at their end', async () => {
    const sizes = [new Array<number>(11).fill(2), [1, 2, 3, 1, 1]];
    const all = await replicas(sizes, { every: 3 }, { replica: () => ({ behind: validateEvery(3, shard([4], 7)) as Stage }) }); // prettier-ignore

    expectTogether(all);
    expect(numbers(all[0]!)).toStrictEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]);
    expect(stepsIn(all[0]!).map(({ samples }) => samples)).toStrictEqual([3, 4, 5, 3, 3, 2, 2, 2, 2, 2, 2]);
    const validations = (each: Outcome) => each.events.filter(({ type }) => type === 'validation');
    expect(validations(all[1]!)).toStrictEqual(validations(all[0]!));
    expect(validations(all[0]!).map(({ globalStep }) => globalStep)).toStrictEqual([3, 6, 9]);
    expect(all.map(({ events }) => events.at(-1)!.globalStep)).toStrictEqual([11, 11]);
  });

  it.each([
    [6, 8],
    [4, 4],
  ])('makes the round in which a replica stops the last of all: %i steps of one, %i of all', async (steps, last) => {
    const sizes = new Array<number>(20).fill(2);
    const all = await replicas([sizes, sizes, sizes], { every: 4 }, { options: (rank) => ({ steps: rank === 1 ? steps : 17 }) }); // prettier-ignore
    expectTogether(all);
    expect(numbers(all[0]!)).toStrictEqual(Array.from({ length: last }, (_, i) => i + 1));
    expect(all.map(({ events }) => events.at(-1))).toMatchObject([
      { type: 'end', reason: 'until', globalStep: last },
      { type: 'end', reason: 'steps', globalStep: last },
      { type: 'end', reason: 'until', globalStep: last },
    ]);
  });

  it('takes the others back to the weights in common when one is unsubscribed, and ends them', async () => {
    const sizes = new Array<number>(20).fill(2);
    const collectives = world(2);
    const all = await Promise.all(
      collectives.map((collective, rank) =>
        trained(
          shard(sizes, rank),
          {},
          { stage: local(collective, { every: 4 }), behind: rank === 1 ? take(4) : identity },
        ),
      ),
    );
    const four = await replicas([sizes.slice(0, 4), sizes.slice(0, 4)], { every: 4 });

    for (const each of all) {
      expect(each.weights).toStrictEqual(four[0]!.weights);
      expect(numbers(each)).toStrictEqual([1, 2, 3, 4]);
    }
    expect(all[0]!.events.at(-1)).toMatchObject({ type: 'end', reason: 'until', globalStep: 4 });
    await expect(Promise.all(collectives.map((each) => each.barrier({ timeoutMs: 1000 })))).resolves.toHaveLength(2);
  });

  it('fails on all, naming the one whose source has failed, and leaves the last weights in common', async () => {
    const good = shard(new Array<number>(8).fill(2));
    function* broken() {
      yield* good.slice(0, 5);
      throw new Error('disk on fire');
    }
    const all = await Promise.all(
      world(2).map((collective, rank) =>
        trained(rank === 1 ? broken : good, {}, { stage: local(collective, { every: 3 }) }),
      ),
    );
    expect(all[0]!.error).toMatchObject({ name: 'CollectiveError', reason: 'died', ranks: [1] });
    expect(String(all[1]!.error)).toContain('disk on fire');
    const three = await replicas([[2, 2, 2]], { every: 3 });
    for (const each of all) {
      expect(numbers(each)).toStrictEqual([1, 2, 3]);
      expectNear(each.weights, three[0]!.weights);
    }
    expect(all[0]!.weights).toStrictEqual(all[1]!.weights);
  });

  it('tells of a step that has been skipped by one, and of its loss; the weights stay finite', async () => {
    const bad = batchOf([{ x: [NaN, 0], y: 0 }]);
    const all = await Promise.all(
      world(2).map((collective, rank) => {
        const good = shard([2, 2, 2, 2], rank);
        return trained(rank === 1 ? [good[0]!, bad, ...good.slice(2)] : good, { metrics: {}, skipNonFinite: true }, { stage: local(collective, { every: 4 }) }); // prettier-ignore
      }),
    );
    expectTogether(all);
    expect(stepsIn(all[0]!).map(({ nonFinite }) => nonFinite?.action)).toStrictEqual([undefined, 'skipped', undefined, undefined]); // prettier-ignore
    expect(stepsIn(all[0]!)[1]!.loss).toBeNaN();
    expect(all[0]!.weights.every(Number.isFinite)).toBe(true);
  });

  it.each<[string, (rank: number) => { weights?: number[]; options?: Partial<TrainOptions>; how?: LocalStepsOptions }, string]>([
    ['other weights', (rank) => ({ weights: rank === 1 ? [1, 1] : [2, 2] }), 'the same weights: see broadcastWeights'],
    ['other metrics', (rank) => ({ options: rank === 1 ? { metrics: {} } : {} }), 'the same metrics'],
    ['other rounds', (rank) => ({ how: { every: rank === 1 ? 3 : 2 } }), 'the same options'],
    ['another outer rate', (rank) => ({ how: { learningRate: rank === 1 ? 0.5 : 0.7 } }), 'the same options'],
  ])('fails on all, naming the rank with %s', async (_, differing, message) => {
    const all = await Promise.all(
      world(3).map((collective, rank) => {
        const { weights, options = {}, how = {} } = differing(rank);
        return trained(shard([2, 2, 2, 2, 2, 2], rank), options, {
          model: line(weights),
          stage: local(collective, { every: 2, ...how }),
        });
      }),
    );
    for (const { error } of all) {
      expect(error).toMatchObject({ name: 'CollectiveError', reason: 'mismatch', ranks: [1] });
      expect(String(error)).toContain(message);
    }
  }); // prettier-ignore

  it('names the rank that does not come in time', async () => {
    const { error } = await trained(shard([2, 2]), {}, { stage: local(world(2)[0]!, { every: 2, timeoutMs: 50 }) });
    expect(error).toMatchObject({ name: 'CollectiveError', reason: 'timeout', ranks: [1] });
  });

  it('lets what acts on weights stand behind it, at the ends of rounds only', async () => {
    const sizes = new Array<number>(9).fill(2);
    const held = shard([4], 9);
    const all = await replicas([sizes, sizes], { every: 4 }, {
      replica: () => ({ behind: (events$) => events$.pipe(averageWeights({ from: 4, every: 4 }), validateEvery(4, held), ema('loss')) as ReturnType<Stage> }),
    }); // prettier-ignore
    for (const { error } of all) expect(error).toMatchObject({ name: 'StaleStepError' }); // an average is of every step

    const fits = await replicas([sizes, sizes], { every: 4 }, { replica: () => ({ behind: validateEvery(8, held) as Stage }) }); // prettier-ignore
    expectTogether(fits);
    expect(fits[0]!.events.filter(({ type }) => type === 'validation').map(({ globalStep }) => globalStep)).toStrictEqual([8]); // prettier-ignore
    const not = await replicas([sizes, sizes], { every: 4 }, { replica: () => ({ behind: validateEvery(3, held) as Stage }) }); // prettier-ignore
    for (const { error } of not) expect(error).toMatchObject({ name: 'StaleStepError', expected: 3, globalStep: 4 });
  });

  it('takes steps that are read once in a round, and no others', async () => {
    const sizes = new Array<number>(8).fill(2);
    const readEvery = (every: number) =>
      Promise.allSettled(
        world(2).map(async (collective, rank) => {
          const model = line();
          const run$ = fromPull(shard(sizes, rank)).pipe(
            trainStep(model, { loss: squaredError, optimizer: adam({ learningRate: 0.05 }), metrics }),
            readback(every),
            localSteps(collective, model, { every: 4 }),
            toArray(),
          );
          const events = await lastValueFrom(run$).finally(() => model.dispose());
          return events.map(plain);
        }),
      );
    const [once, always] = [await readEvery(4), await readEvery(1)];
    expect(once).toStrictEqual(always);
    expect(once.map((each) => each.status === 'fulfilled' && each.value.length)).toStrictEqual([8, 8]);
    for (const each of await readEvery(3)) expect(each).toMatchObject({ status: 'rejected', reason: { name: 'StaleStepError' } }); // prettier-ignore
  });

  it('makes the statistics of a batch normalization the mean of all, whatever the outer step is', async () => {
    const network = () => tf.sequential({ layers: [tf.layers.batchNormalization({ inputShape: [2] }), tf.layers.dense({ units: 1, kernelInitializer: tf.initializers.glorotUniform({ seed: 1 }) })] }); // prettier-ignore
    const statistics = (model: tf.LayersModel) => model.layers[0]!.getWeights().slice(2).flatMap((weight) => [...weight.dataSync()]); // prettier-ignore
    const run = async (model: tf.LayersModel, rank: number, stage: Stage) => {
      await lastValueFrom(
        train(model, shard([4, 4, 4], rank), { loss: squaredError as never, optimizer: sgd() }).pipe(stage),
      );
      const read = statistics(model);
      model.dispose();
      return read;
    };
    const together = await Promise.all(
      world(2).map((collective, rank) => {
        const model = network();
        return run(model, rank, localSteps(collective, model, { every: 3 }));
      }),
    );
    const alone = await Promise.all([0, 1].map((rank) => run(network(), rank, identity)));

    expect(together[1]).toStrictEqual(together[0]);
    expect(alone[0]).not.toStrictEqual(alone[1]);
    expectNear(together[0]!, alone[0]!.map((value, i) => (value + alone[1]![i]!) / 2)); // prettier-ignore
  });

  it.each(['float16', 'bfloat16'] as const)('talks in %s, and all stay equal', async (compress) => {
    const sizes = new Array<number>(12).fill(2);
    const [half, whole] = [
      await replicas([sizes, sizes], { every: 3, compress }),
      await replicas([sizes, sizes], { every: 3 }),
    ];
    expectTogether(half);
    expect(half[0]!.weights).not.toStrictEqual(whole[0]!.weights);
    expectNear(half[0]!.weights, whole[0]!.weights, 5e-3);
  });

  describe('C11: in a run that goes on', () => {
    const sizes = [[2, 1, 2, 2, 1, 2, 2], [1, 1, 2, 1, 3, 2, 1]]; // prettier-ignore
    /** Both replicas to their ends, each from its own checkpoint; each has one made before every micro-batch. */
    const both = (from: readonly (Checkpoint | undefined)[] = []) =>
      Promise.all(
        world(2).map(async (collective, rank) => {
          const cuts: Promise<Checkpoint>[] = [];
          const marks: number[] = [];
          const model = line();
          const events: TrainingEvent[] = [];
          const start = from[rank];
          const run$ = fromPull<Batch>(() => shard(sizes[rank]!, rank), { epochs: 2, ...(start && { from: start }) }).pipe(
            tap(({ [RUN]: run }) => {
              if (cuts.length === 0) run!.state!.join('mark', () => (marks.push(events.length), {}));
              cuts.push(run!.state!.snapshot().then((taken) => readSnapshot(taken!)));
            }),
            trainStep(model, { loss: squaredError, optimizer: adam({ learningRate: 0.05 }), metrics, accumulate: 2 }),
            readback(),
            localSteps(collective, model, { every: 3 }),
            tap((event) => events.push(plain(event))),
          ); // prettier-ignore
          await lastValueFrom(run$);
          const weights = model.read();
          model.dispose();
          const taken = await Promise.all(cuts);
          return { events, weights, cuts: taken.map((cut, i) => ({ cut: structuredClone(cut), seen: marks[i]! })) };
        }),
      );

    it('is as if it had never stopped, from every micro-step, each replica from its own', async () => {
      const whole = await both();
      expect(whole[0]!.cuts).toHaveLength(14);
      expect(whole[0]!.events.map(({ globalStep }) => globalStep)).toStrictEqual([1, 2, 3, 4, 5, 6, 7, 8]);
      for (let i = 0; i < 13; i += 1) {
        const rest = await both(whole.map(({ cuts }) => cuts[i]!.cut));
        whole.forEach(({ events, weights, cuts }, rank) => {
          expect({ i, events: rest[rank]!.events }).toStrictEqual({ i, events: events.slice(cuts[i]!.seen) });
          expect({ i, weights: rest[rank]!.weights }).toStrictEqual({ i, weights });
        });
      }
    });

    it('begins with one checkpoint of a step at which they met: the same weights, and momentum', async () => {
      const store = memoryStore();
      const long = new Array<number>(8).fill(2);
      const whole = await replicas([long, long], { every: 4 }, {
        options: () => ({ optimizer: sgd({ learningRate: 0.1 }) }),
        replica: (rank) => ({ behind: rank === 0 ? (checkpointEvery(4, store, { whenBusy: 'wait' }) as Stage) : identity }),
      }); // prettier-ignore
      const names = await store.list();
      await store.remove(names.at(-1)!);
      const from = await latest(store);
      expect(from!.globalStep).toBe(4);
      const rest = await replicas([long, long], { every: 4 }, { options: () => ({ optimizer: sgd({ learningRate: 0.1 }), from }) }); // prettier-ignore
      expectTogether(rest);
      expect(rest[0]!.weights).toStrictEqual(whole[0]!.weights);
    });

    it('begins with the weights of a checkpoint of a run without local steps', async () => {
      const store = memoryStore();
      const sizes = [2, 2, 2, 2];
      await trained(shard(sizes), { steps: 2 }, { behind: checkpointEvery(2, store) as Stage });
      const from = await latest(store);
      const plain = await trained(shard(sizes), { from });
      const ours = await trained(shard(sizes), { from }, { stage: local(solo(), { every: 2, learningRate: 1, momentum: 0 }) }); // prettier-ignore
      expectNear(ours.weights, plain.weights);
      expect(numbers(ours)).toStrictEqual([3, 4]);
    });
  });

  it('puts a checkpoint that a slow store has put off to the next step whose weights are there', async () => {
    const slow = memoryStore();
    const store = { ...slow, save: async (...args: Parameters<typeof slow.save>) => (await new Promise((resolve) => setTimeout(resolve, 30)), slow.save(...args)) }; // prettier-ignore
    const { events, error } = await trained(shard(new Array<number>(24).fill(2)), {}, {
      stage: local(solo(), { every: 2 }),
      behind: checkpointEvery(2, store) as Stage,
    }); // prettier-ignore
    expect(error).toBeUndefined();
    const saved = events.flatMap((event) => (event.type === 'checkpoint' ? [event.globalStep] : []));
    expect(saved.at(-1)).toBe(24);
    expect(saved.every((step) => step % 2 === 0)).toBe(true);
  });

  it('refuses to bring another model than the one that is trained together', async () => {
    const other = line();
    const { error } = await trained(shard([2]), {}, { stage: () => localSteps(solo(), other) });
    other.dispose();
    expect(error).toBeInstanceOf(ArgumentError);
  });

  it('lets an error pass that comes before any step', async () => {
    const model = line();
    const run = lastValueFrom(throwError(() => new Error('at once')).pipe(localSteps(solo(), model), toArray()));
    await expect(run).rejects.toThrow('at once');
    model.dispose();
  });

  it.each<[LocalStepsOptions, string]>([
    [{ every: 0 }, 'every must be a positive integer'],
    [{ learningRate: 0 }, 'learningRate must be'],
    [{ momentum: 1 }, 'momentum must be at least 0 and below 1, received 1'],
    [{ timeoutMs: -1 }, 'timeoutMs must be'],
    [{ compress: 'float8' as 'float16' }, "compress must be 'float16' or 'bfloat16', received 'float8'"],
  ])('refuses %o at once', (options, message) => {
    const model = line();
    expect(() => localSteps(solo(), model, options)).toThrow(message);
    expect(() => localSteps({} as Reduces, model)).toThrow(ArgumentError);
    model.dispose();
  });
});
