import { concat, concatMap, delay, from, lastValueFrom, of, take, throwError, toArray } from 'rxjs';
import { afterEach, describe, expect, it, vi } from 'vitest';

import { tee, type Sink } from '../../operators/tee.js';
import type { TrainingEvent } from '../../src/core/events.js';
import { adam } from '../../src/optim/adam.js';
import { stepEvent, validationEvent } from '../../src/testing/steps.js';
import { train } from '../../src/trainer/train.js';
import { batchesOf, line, squaredError } from '../support/line.js';

/** Where a sink writes to. */
export interface SinkPlace {
  /** A sink that writes there; called again for what would be a further process. */
  readonly sink: () => Sink<TrainingEvent>;
  /** What is there, of the newest run: of the same form as `holds` gives. */
  readonly read: () => unknown;
  /** How many files or connections are open there, where that can be told. */
  readonly open?: () => number | Promise<number>;
  /** Takes the place away after the test. */
  readonly dispose?: () => void | Promise<void>;
}

/** A sink and what it is to be held to. */
export interface SinkContract {
  /** A fresh place, for one test. */
  readonly make: () => SinkPlace | Promise<SinkPlace>;
  /** What a place holds when these events have come: computed by the test, not by the sink's own code. */
  readonly holds: (events: readonly TrainingEvent[]) => unknown;
  /** Whether NaN and the infinities can be kept there; they can unless this is false. */
  readonly nonFinite?: boolean;
  /** Whether a run that was cut and goes on is one run there; it is unless this is false. */
  readonly goesOn?: boolean;
}

const checkpoint = (globalStep: number): TrainingEvent => ({
  type: 'checkpoint',
  globalStep,
  epoch: 1,
  name: `step-${globalStep}`,
  reason: 'steps',
  best: globalStep === 2,
  skipped: 0,
});
const step = (globalStep: number, differing: Parameters<typeof stepEvent>[1] = {}): TrainingEvent =>
  stepEvent(globalStep, {
    loss: 1 / globalStep,
    metrics: { accuracy: 1 - 0.5 / globalStep },
    microBatches: [
      { loss: 1.5 / globalStep, weight: 2, metrics: { accuracy: 0.25 } },
      { loss: 0.5 / globalStep, weight: 2, metrics: { accuracy: 0.75 } },
    ],
    samples: 4,
    learningRate: 0.1 / globalStep,
    gradientNorm: 3 / globalStep,
    samplesPerSecond: 1000 + globalStep,
    ema: { loss: 2 / globalStep },
    ...differing,
  });
const validation = (globalStep: number): TrainingEvent =>
  validationEvent(globalStep, {
    loss: 0.7 / globalStep,
    metrics: { accuracy: 0.9 },
    samples: 5,
    ema: { 'validation.loss': 0.8 / globalStep },
  });
const end: TrainingEvent = { type: 'end', globalStep: 6, epoch: 2, reason: 'epochs' };

/** A run with every kind of event. */
export const wholeRun: readonly TrainingEvent[] = [
  step(1),
  step(2),
  validation(2),
  { type: 'change', globalStep: 2, epoch: 1, what: 'learningRate', from: 0.1, to: 0.05 },
  checkpoint(2),
  step(3, { nonFinite: { what: 'gradient', action: 'skipped', count: 1 } }),
  { type: 'change', globalStep: 4, epoch: 1, what: 'logEvery', from: 2, to: 1 },
  step(4),
  validation(4),
  checkpoint(4),
  step(5, { epoch: 2 }),
  step(6, { epoch: 2 }),
  validation(6),
  checkpoint(6),
  end,
];
/** What a value that is no number does to a run's events. */
const nonFinite: readonly TrainingEvent[] = [
  step(1, { loss: NaN, metrics: { accuracy: -Infinity }, ema: { loss: NaN }, gradientNorm: Infinity }),
  step(2, { nonFinite: { what: 'loss', action: 'kept' }, loss: Infinity }),
  { ...end, globalStep: 2, epoch: 1 },
];

/** What every sink is held to. */
export function sinkContract(
  name: string,
  { make, holds, nonFinite: keepsNonFinite = true, goesOn = true }: SinkContract,
): void {
  let place: SinkPlace | undefined;
  const fresh = async (): Promise<SinkPlace> => (place = await make());
  afterEach(async () => {
    await place?.dispose?.();
    place = undefined;
  });

  describe(`${name} keeps the contract of sinks`, () => {
    it('has all of a run, every kind of event, in order, when it has completed', async () => {
      const { sink, read, open } = await fresh();

      expect(await allOf(wholeRun, sink())).toStrictEqual(wholeRun);
      expect(await read()).toStrictEqual(holds(wholeRun));
      expect((await open?.()) ?? 0).toBe(0);
    });

    it('loses nothing when events come faster than it takes them', async () => {
      const { sink, read } = await fresh();
      const many = Array.from({ length: 300 }, (_, i) => step(i + 1));
      await allOf(many, sink());

      expect(await read()).toStrictEqual(holds(many));
    });

    it('loses nothing when the run does not wait for it, if there is room', async () => {
      const { sink, read, open } = await fresh();
      await lastValueFrom(from(wholeRun).pipe(tee(sink(), { whenBusy: { buffer: wholeRun.length } })));

      expect(await read()).toStrictEqual(holds(wholeRun));
      expect((await open?.()) ?? 0).toBe(0);
    });

    it('changes no event', async () => {
      const { sink } = await fresh();
      const frozen = wholeRun.map((event) => deepFrozen(structuredClone(event)));

      expect(await allOf(frozen, sink())).toStrictEqual(wholeRun);
    });

    it('has what came before an error, and lets go of its place', async () => {
      const { sink, read, open } = await fresh();
      const broken = new Error('broken');
      const run$ = concat(
        slowly(wholeRun.slice(0, 5)),
        throwError(() => broken),
      ).pipe(tee(sink()));

      await expect(lastValueFrom(run$)).rejects.toBe(broken);
      await vi.waitFor(async () => {
        expect(await read()).toStrictEqual(holds(wholeRun.slice(0, 5)));
        expect((await open?.()) ?? 0).toBe(0);
      });
    });

    it('has what came before it was unsubscribed, and lets go of its place', async () => {
      const { sink, read, open } = await fresh();
      await lastValueFrom(slowly(wholeRun).pipe(tee(sink()), take(5)));

      await vi.waitFor(async () => {
        expect(await read()).toStrictEqual(holds(wholeRun.slice(0, 5)));
        expect((await open?.()) ?? 0).toBe(0);
      });
    });

    it('serves one run after the other', async () => {
      const { sink, read } = await fresh();
      const one = sink();
      await allOf(wholeRun, one);
      const other = [step(1, { loss: 7 }), step(2, { loss: 8 }), { ...end, globalStep: 2, epoch: 1 }];
      await allOf(other, one);

      expect(await read()).toStrictEqual(holds(other));
    });

    it('takes a run without an event', async () => {
      const { sink } = await fresh();

      expect(await allOf([], sink())).toStrictEqual([]);
    });

    it('passes over kinds of events that it does not know', async () => {
      const { sink } = await fresh();
      const unknown = { type: 'weather', globalStep: 1, epoch: 1, sun: true } as unknown as TrainingEvent;

      expect(await allOf([unknown, step(2)], sink())).toHaveLength(2);
    });

    it(`${keepsNonFinite ? 'keeps' : 'goes on over'} NaN and the infinities`, async () => {
      const { sink, read } = await fresh();

      expect(await allOf(nonFinite, sink())).toStrictEqual(nonFinite);
      if (keepsNonFinite) expect(await read()).toStrictEqual(holds(nonFinite));
    });

    // A checkpoint of step 2 or 4; the process ends some events later.
    if (goesOn)
      it.each([
        [5, 5],
        [5, 8],
        [10, 10],
        [10, 14],
        [0, 3],
      ])('has one run when it is cut: on from event %i, ended at event %i', async (checkpointed, ended) => {
        const { sink, read } = await fresh();
        await lastValueFrom(
          concat(
            slowly(wholeRun.slice(0, ended)),
            throwError(() => 'killed'),
          ).pipe(tee(sink())),
          {
            defaultValue: undefined,
          },
        ).catch(() => undefined);
        await allOf(wholeRun.slice(checkpointed), sink());

        expect(await read()).toStrictEqual(holds(wholeRun));
      });

    it('changes no weight (C9)', async () => {
      const { sink } = await fresh();

      expect(await weightsWith(sink())).toStrictEqual(await weightsWith());
    });
  });
}

function allOf(events: readonly TrainingEvent[], sink: Sink<TrainingEvent>): Promise<TrainingEvent[]> {
  return lastValueFrom(from(events).pipe(tee(sink), toArray()));
}

const slowly = (events: readonly TrainingEvent[]) => from(events).pipe(concatMap((event) => of(event).pipe(delay(0))));

async function weightsWith(sink?: Sink<TrainingEvent>): Promise<number[][]> {
  const model = line();
  const options = { loss: squaredError, optimizer: adam({ learningRate: 0.05 }), accumulate: 2 };
  const run$ = train(model, batchesOf([3, 3, 3, 3, 3, 3, 3, 1]), options);
  await lastValueFrom(sink ? run$.pipe(tee(sink)) : run$);
  const weights = model.variables.map((variable) => [...variable.dataSync()]);
  model.dispose();
  return weights;
}

function deepFrozen<T>(value: T): T {
  if (typeof value === 'object' && value !== null) Object.values(Object.freeze(value)).forEach(deepFrozen);
  return value;
}
