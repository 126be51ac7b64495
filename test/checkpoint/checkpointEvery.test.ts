import {
  concatMap,
  filter,
  identity,
  lastValueFrom,
  map,
  of,
  pipe,
  Subject,
  take,
  takeWhile,
  tap,
  toArray,
  type MonoTypeOperatorFunction,
  type OperatorFunction,
} from 'rxjs';
import { describe, expect, it, vi } from 'vitest';

import { readback } from '../../operators/readback.js';
import { trainStep } from '../../operators/trainStep.js';
import { best as bestOf } from '../../src/checkpoint/best.js';
import { checkpointEvery } from '../../src/checkpoint/checkpointEvery.js';
import { latest } from '../../src/checkpoint/latest.js';
import { memoryStore } from '../../src/checkpoint/memoryStore.js';
import type { CheckpointStore } from '../../src/checkpoint/store.js';
import { ArgumentError, CheckpointError, StaleStepError } from '../../src/core/errors.js';
import { takesPart } from '../../src/core/runState.js';
import type { CheckpointEvent, TrainingEvent } from '../../src/core/events.js';
import { fromPull } from '../../src/core/fromPull.js';
import { RUN, waitMap, type Run } from '../../src/core/run.js';
import { sgd } from '../../src/optim/sgd.js';
import { stepEvent, validationEvent } from '../../src/testing/index.js';
import { train, type TrainOptions } from '../../src/trainer/train.js';
import { batchesOf, line, squaredError } from '../support/line.js';
import { marbles } from '../support/marbles.js';
import { network, runOf, weightsOf } from './support.js';

const EPOCHS = 4;
/** Every checkpoint is made, and kept. */
const ALL = { keep: 50, whenBusy: 'wait' } as const;

type From = Awaited<ReturnType<typeof latest>>;
const plain = (events: readonly TrainingEvent[]): TrainingEvent[] =>
  events.map((event) => structuredClone({ ...event }));
const isCheckpoint = (event: TrainingEvent): event is CheckpointEvent => event.type === 'checkpoint';
const stepsOf = (names: readonly string[]): number[] => names.map((name) => Number(name.split('-')[0]));
const newestOf = async (store: CheckpointStore, name: string): Promise<From> => {
  const one = memoryStore();
  await one.save(name, await store.load(name));
  return latest(one);
};

/** Runs `epochs` of three steps each, with a stage behind, and frees the model. */
async function trained(
  stage: OperatorFunction<TrainingEvent, TrainingEvent>,
  { epochs = EPOCHS, from }: { epochs?: number; from?: From } = {},
) {
  const model = network();
  try {
    const events = await lastValueFrom(runOf(model, epochs, from).pipe(stage, toArray()));
    return { events: plain(events), weights: weightsOf(model), saved: events.filter(isCheckpoint) };
  } finally {
    model.dispose();
  }
}

/** A store that finishes a save when it is told to. */
function slowStore() {
  const finish: (() => void)[] = [];
  const inner = memoryStore();
  const save: CheckpointStore['save'] = async (name, files) => {
    await new Promise<void>((resolve) => finish.push(resolve));
    return inner.save(name, files);
  };
  return { ...inner, save, finish };
}

describe('checkpointEvery', () => {
  it('saves what a run goes on from, bit for bit, whichever of them it is', async () => {
    const store = memoryStore();
    const whole = await trained(checkpointEvery(2, store, ALL));
    const names = await store.list();
    expect(stepsOf(names)).toStrictEqual([2, 4, 6, 8, 10, 12]);
    for (const name of names) {
      const from = await newestOf(store, name);
      const rest = await trained(checkpointEvery(2, memoryStore(), ALL), { from });
      const isLeft = ({ globalStep, type }: TrainingEvent) => globalStep > from!.globalStep || type === 'end';
      const but = (events: TrainingEvent[]) => events.filter((event) => !isCheckpoint(event));
      expect(but(rest.events)).toStrictEqual(but(whole.events.filter(isLeft)));
      expect(rest.weights).toStrictEqual(whole.weights);
    }
  });

  it('tells of each checkpoint, by the step whose weights it holds, once the store has it', async () => {
    const store = memoryStore();
    const there: boolean[] = [];
    const { saved } = await trained(
      pipe(checkpointEvery<TrainingEvent>(5, store, ALL), concatMap(async (event) => {
        if (isCheckpoint(event)) there.push((await store.list()).includes(event.name));
        return event;
      })), // prettier-ignore
    );
    expect(plain(saved)).toStrictEqual([
      { type: 'checkpoint', globalStep: 5, epoch: 2, name: '0000000005-0000000019', reason: 'steps', best: false, skipped: 0 },
      { type: 'checkpoint', globalStep: 10, epoch: 4, name: '0000000010-0000000037', reason: 'steps', best: false, skipped: 0 },
      { type: 'checkpoint', globalStep: 12, epoch: 4, name: '0000000012-0000000044', reason: 'end', best: false, skipped: 0 },
    ]); // prettier-ignore
    expect(there).toStrictEqual([true, true, true]);
    for (const { name, globalStep } of saved) expect(await newestOf(store, name)).toMatchObject({ globalStep });
  });

  it('saves between the epochs: what goes on from there begins with the next', async () => {
    const store = memoryStore();
    const whole = await trained(checkpointEvery('epoch', store, ALL));
    expect(whole.saved.map(({ globalStep, epoch, reason }) => [globalStep, epoch, reason])).toStrictEqual([
      [3, 1, 'epoch'],
      [6, 2, 'epoch'],
      [9, 3, 'epoch'],
      [12, 4, 'epoch'],
    ]);
    const from = await newestOf(store, whole.saved[1]!.name);
    expect(from).toMatchObject({ epoch: 3, stages: { source: { data: { pass: 3, given: 0 } } } });
    const rest = await trained(identity, { from });
    expect(rest.events[0]).toMatchObject({ globalStep: 7, epoch: 3 });
    expect(rest.weights).toStrictEqual(whole.weights);
  });

  it.each<[string, Partial<TrainOptions>]>([
    ['the epochs', { epochs: 2 }],
    ['the steps', { steps: 5 }],
  ])('leaves a finished run nothing to do when it has ended with %s', async (_, limits) => {
    const store = memoryStore();
    const options = { loss: squaredError, optimizer: sgd({ momentum: 0.5 }), accumulate: 2, ...limits };
    const make = async (from?: From) => {
      const model = line();
      const events = await lastValueFrom(
        train(model, () => batchesOf([1, 1, 1, 1, 1]), { ...options, from }).pipe(checkpointEvery(1000, store), toArray()),
      ); // prettier-ignore
      const weights = model.read();
      model.dispose();
      return { events: plain(events), weights };
    };
    const first = await make();
    expect(first.events.at(-2)).toMatchObject({ type: 'checkpoint', reason: 'end', globalStep: first.events.at(-1)!.globalStep }); // prettier-ignore
    const again = await make(await latest(store));
    expect(again.events).toStrictEqual(first.events.slice(-1));
    expect(again.weights).toStrictEqual(first.weights);
  });

  it('goes on after a finished run, if it is given more to do, as if there had been no end', async () => {
    const options = { loss: squaredError, optimizer: sgd({ momentum: 0.5 }), accumulate: 3 };
    const make = async (steps: number, store: CheckpointStore, from?: From) => {
      const model = line();
      const events = await lastValueFrom(
        train(model, () => batchesOf([1, 2, 1, 1]), { ...options, steps, from }).pipe(checkpointEvery(1000, store), toArray()),
      ); // prettier-ignore
      const weights = model.read();
      model.dispose();
      return { events: plain(events).filter(({ type }) => type === 'step'), weights };
    };
    const whole = await make(9, memoryStore());
    for (const steps of [1, 2, 3, 4, 8]) {
      const store = memoryStore();
      const first = await make(steps, store);
      const rest = await make(9, store, await latest(store));
      expect([...first.events, ...rest.events]).toStrictEqual(whole.events);
      expect(rest.weights).toStrictEqual(whole.weights);
    }
  });

  it(
    'saves at the first step after a time has passed',
    marbles((m) => {
      const asked: number[] = [];
      const state = {
        join: () => undefined,
        snapshot: () => new Promise<undefined>(() => asked.push(m.scheduler.frame)),
      };
      const step = (n: number) => ({ ...stepEvent(n), [RUN]: { state } as Run });
      const source$ = m.cold(
        'a 999ms b 1ms c 1ms d 2s (e|)',
        Object.fromEntries([...'abcde'].map((x, i) => [x, step(i + 1)])),
      );
      const stop = '           ------ 2s !';
      m.expect(source$.pipe(checkpointEvery('1s', memoryStore())), stop).toBeObservable(
        m.cold(
          '               a 999ms b 1ms c 1ms d 2s -',
          Object.fromEntries([...'abcd'].map((x, i) => [x, step(i + 1)])),
        ),
      );
      m.flush();
      expect(asked).toStrictEqual([1000]);
    }),
  );

  it('saves on demand, in mid-window, and what goes on from there is the same run', async () => {
    const store = memoryStore();
    const save$ = new Subject<void>();
    const model = network();
    let passes = 0;
    const source = runOf(model, EPOCHS, undefined, () => (passes += 1) === 6 && save$.next());
    const events = await lastValueFrom(source.pipe(checkpointEvery(1000, store, { ...ALL, on: save$ }), toArray()));
    const weights = weightsOf(model);
    model.dispose();
    const [demanded] = events.filter(isCheckpoint);
    expect(demanded).toMatchObject({ reason: 'demand', globalStep: 1, name: '0000000001-0000000005' });
    const rest = await trained(identity, { from: await newestOf(store, demanded!.name) });
    expect(rest.weights).toStrictEqual(weights);
    expect(save$.observed).toBe(false);
  });

  it('heeds a demand that comes before the first step', async () => {
    const { saved } = await trained(checkpointEvery(1000, memoryStore(), { on: of(1) }), { epochs: 1 });
    expect(saved.map(({ reason, globalStep }) => [reason, globalStep])).toStrictEqual([['demand', 1], ['end', 3]]); // prettier-ignore
  });

  it('keeps the newest only', async () => {
    const store = memoryStore();
    await trained(checkpointEvery(1, store, { ...ALL, keep: 2 }), { epochs: 2 });
    expect(stepsOf(await store.list())).toStrictEqual([5, 6]);
  });

  it('removes neither what it has not made, nor what a run that went further has left, and counts only its own', async () => {
    const store = memoryStore();
    await store.save('notes', {});
    await store.save('0000000099-0000000400', {});
    await trained(checkpointEvery(1, store, { ...ALL, keep: 2 }), { epochs: 2 });
    expect(await store.list()).toStrictEqual([
      '0000000005-0000000019',
      '0000000006-0000000022',
      '0000000099-0000000400',
      'notes',
    ]);
  });

  describe('best', () => {
    /** Puts a validation behind each step. */
    const judged = (losses: readonly number[]): MonoTypeOperatorFunction<TrainingEvent> =>
      concatMap((event) => {
        const { globalStep, epoch, type } = event;
        if (type !== 'step') return of(event);
        const validation = { ...validationEvent(globalStep, { epoch, loss: losses[globalStep - 1]! }), [RUN]: event[RUN]! };
        return of<TrainingEvent[]>(event, validation);
      }); // prettier-ignore
    const best = { metric: 'validation.loss', mode: 'min' } as const;

    it('is saved whenever there is a better one, and stays beside the newest', async () => {
      const store = memoryStore();
      const stage = pipe(judged([5, 3, 4, NaN, 2, 6]), checkpointEvery(2, store, { ...ALL, keep: 1, best }));
      const { saved } = await trained(stage, { epochs: 2 });
      expect(saved.map(({ globalStep, reason, best }) => [globalStep, reason, best])).toStrictEqual([
        [1, 'best', true],
        [2, 'steps', true],
        [4, 'steps', false],
        [5, 'best', true],
        [6, 'steps', false],
      ]);
      expect(stepsOf(await store.list())).toStrictEqual([5, 6]);
    });

    it('is what best() gives, whatever came later', async () => {
      const store = memoryStore();
      expect(await bestOf(store)).toBeUndefined();
      const losses = [5, 3, 4, NaN, 2, 6];
      const stage = pipe(
        judged(losses),
        checkpointEvery<TrainingEvent>(2, store, { ...ALL, keep: 1, best }),
        checkpointEvery<TrainingEvent>(100, memoryStore(), { ...ALL, best: { metric: 'loss', mode: 'min' } }),
      );
      await trained(stage, { epochs: 2 });
      expect(await bestOf(store, { metric: 'validation.loss' })).toMatchObject({ globalStep: 5 });
      await expect(bestOf(store)).rejects.toThrow('by one metric (checkpointEvery\'s best), this one has by validation.loss, loss'); // prettier-ignore
      await expect(bestOf(store, { metric: 'accuracy' })).rejects.toThrow(CheckpointError);
      await store.remove((await store.list())[0]!);
      await expect(bestOf(store, { metric: 'validation.loss' })).rejects.toThrow(
        'must hold the checkpoint of global step 5',
      );
    });

    it('is no checkpoint of a run that has kept none', async () => {
      const store = memoryStore();
      await trained(checkpointEvery(2, store, ALL), { epochs: 2 });
      await expect(bestOf(store)).rejects.toThrow('this one has by none');
    });

    it('may be the most of a metric of steps', async () => {
      const accuracies = [1, 2, 2, 5, 4, 1];
      const stage = pipe(
        map((event: TrainingEvent) => event.type === 'step' ? { ...event, metrics: { accuracy: accuracies[event.globalStep - 1]! } } : event),
        checkpointEvery(1000, memoryStore(), { ...ALL, best: { metric: 'accuracy', mode: 'max' } }),
      ); // prettier-ignore
      const { saved } = await trained(stage, { epochs: 2 });
      expect(saved.filter(({ best }) => best).map(({ globalStep }) => globalStep)).toStrictEqual([1, 2, 4]);
    });

    it('is known again in a run that goes on', async () => {
      const store = memoryStore();
      const losses = [5, 1, 4, 3, 2, 6, 0.5, 0.7, 9, 9, 9, 9];
      const stage = () => pipe(judged(losses), checkpointEvery<TrainingEvent>(2, store, { ...ALL, keep: 1, best }));
      await trained(
        pipe(
          stage(),
          takeWhile(({ globalStep }) => globalStep < 5),
        ),
      );
      await vi.waitFor(async () => expect(stepsOf(await store.list()).at(-1)).toBeGreaterThan(2));
      const from = await latest(store);
      expect(from!.globalStep).toBeLessThan(7);
      const { saved } = await trained(stage(), { from });
      expect(saved.filter(({ best }) => best).map(({ globalStep }) => globalStep)).toStrictEqual([7]);
      expect(stepsOf(await store.list())).toStrictEqual([7, 12]);
    });

    it('is protected in a run that goes on and finds none better', async () => {
      const store = memoryStore();
      const losses = [5, 1, 4, 3, 2, 6, 9, 9, 9, 9, 9, 9];
      const stage = () => pipe(judged(losses), checkpointEvery<TrainingEvent>(2, store, { ...ALL, keep: 1, best }));
      await trained(stage(), { epochs: 2 });
      await trained(stage(), { from: await latest(store) });
      expect(stepsOf(await store.list())).toStrictEqual([2, 12]);
    });

    it('must be of a metric that there is', async () => {
      const unknown = trained(checkpointEvery(1, memoryStore(), { best: { metric: 'bleu', mode: 'max' } }));
      await expect(unknown).rejects.toThrow("'bleu' must be in the events, received step events with loss");
    });
  });

  describe('with a store that is slow', () => {
    it('lets training go on, saves the newest when the store is free, and ends the run when it has', async () => {
      const store = slowStore();
      const seen: string[] = [];
      const finishOne = async (): Promise<void> => {
        await vi.waitFor(() => expect(store.finish).toHaveLength(1));
        store.finish.shift()!();
      };
      const stage = pipe(
        checkpointEvery<TrainingEvent>(1, store, { keep: 9 }),
        tap((event) =>
          seen.push(`${event.type} ${event.globalStep}${isCheckpoint(event) ? `, ${event.skipped} skipped` : ''}`),
        ),
        waitMap(async (event) => {
          if (event.type !== 'step' || event.globalStep !== 4) return event;
          await finishOne();
          await vi.waitFor(() => expect(seen).toContain('checkpoint 1, 0 skipped'));
          return event;
        }),
      );
      const run = trained(stage, { epochs: 2 });
      await vi.waitFor(() => expect(seen).toContain('checkpoint 1, 0 skipped'));
      await finishOne();
      await finishOne();
      await run;
      expect(seen).toStrictEqual([
        ...['step 1', 'step 2', 'step 3', 'step 4', 'checkpoint 1, 0 skipped', 'step 5', 'step 6'],
        ...['checkpoint 5, 3 skipped', 'checkpoint 6, 0 skipped', 'end 6'],
      ]);
    });

    it("makes training wait if each is to be made: { whenBusy: 'wait' }", async () => {
      const store = slowStore();
      const seen: number[] = [];
      const model = network();
      const run = lastValueFrom(
        runOf(model, 1).pipe(checkpointEvery(1, store, ALL), tap(({ type, globalStep }) => type === 'step' && seen.push(globalStep))), // prettier-ignore
      );
      await vi.waitFor(() => expect(store.finish).toHaveLength(1));
      await new Promise((resolve) => setTimeout(resolve, 5));
      expect(seen).toStrictEqual([1, 2]);
      for (let n = 1; n <= 3; n++) {
        await vi.waitFor(() => expect(store.finish).toHaveLength(1));
        store.finish.shift()!();
      }
      await run;
      model.dispose();
      expect(stepsOf(await store.list())).toStrictEqual([1, 2, 3]);
    });

    it('is given a turn after each step, however fast the steps are', async () => {
      const store = slowStore();
      const model = line();
      const enough$ = new Subject<void>();
      let [turns, steps] = [0, 0];
      const countTurns = (): unknown => steps <= 100 && ((turns += 1), setImmediate(countTurns));
      const run = lastValueFrom(
        train(model, () => batchesOf([1]), { loss: squaredError, optimizer: sgd(), until: enough$ }).pipe(
          checkpointEvery(1, store),
          tap(({ type }) => {
            if (type !== 'step' || store.finish.length === 0) return;
            steps += 1;
            if (steps === 1) countTurns();
            if (steps === 100) enough$.next();
          }),
        ),
      );
      await vi.waitFor(() => expect(steps).toBe(100), 10_000);
      expect(turns).toBeGreaterThan(90);
      const finishing = setInterval(() => store.finish.shift()?.(), 1);
      await run;
      clearInterval(finishing);
      model.dispose();
    });

    it('has no more than one copy of weights and state waiting', async () => {
      const store = slowStore();
      const model = network();
      let copies = 0;
      const counted = takesPart<TrainingEvent>('counted', () => ((copies += 1), {}), identity);
      const run = lastValueFrom(runOf(model, 3).pipe(counted, checkpointEvery('epoch', store)));
      for (let n = 1; n <= 3; n++) {
        await vi.waitFor(() => expect(store.finish).toHaveLength(1));
        expect(copies).toBe(n);
        store.finish.shift()!();
      }
      await run;
      model.dispose();
    });
  });

  it('ends a run that is stopped when what was demanded has been written, and the end event comes last', async () => {
    const store = slowStore();
    const signal$ = new Subject<void>();
    const seen: string[] = [];
    const model = line();
    const options = { loss: squaredError, optimizer: sgd(), accumulate: 3, until: signal$ };
    const run = lastValueFrom(
      train(model, () => batchesOf([1, 1, 1, 1, 1]), options).pipe(
        checkpointEvery(1000, store, { on: signal$ }),
        tap(({ type, globalStep }) => {
          seen.push(`${type} ${globalStep}`);
          if (globalStep === 3) signal$.next();
        }),
      ),
    );
    await vi.waitFor(() => expect(store.finish).toHaveLength(1));
    expect(seen).toStrictEqual(['step 1', 'step 2', 'step 3']);
    store.finish.shift()!();
    expect(await run).toMatchObject({ type: 'end', reason: 'until', globalStep: 3 });
    model.dispose();
    expect(seen).toStrictEqual(['step 1', 'step 2', 'step 3', 'checkpoint 3', 'end 3']);
    expect(await latest(store)).toMatchObject({ globalStep: 3, microStep: 8 });
  });

  it('stops a run that waits for data at once, with a checkpoint', async () => {
    const store = memoryStore();
    const stop$ = new Subject<void>();
    const model = line();
    const [first, second, third] = batchesOf([1, 1, 1]);
    let closed = false;
    const source = async function* () {
      try {
        yield first!;
        yield second!;
        yield third!;
        await new Promise(() => undefined);
      } finally {
        closed = true;
      }
    };
    const events = await lastValueFrom(
      train(model, source, { loss: squaredError, optimizer: sgd(), accumulate: 2, until: stop$ }).pipe(
        checkpointEvery(1000, store),
        tap(() => setTimeout(() => stop$.next(), 5)),
        toArray(),
      ),
    );
    model.dispose();
    expect(events.map(({ type }) => type)).toStrictEqual(['step', 'checkpoint', 'end']);
    expect((await latest(store))?.stages['source']!.data).toStrictEqual({ pass: 1, given: 3 });
    expect(closed).toBe(false); // it is in an await that nothing ends
  });

  it('works before readback, on steps whose numbers are on the device', async () => {
    const store = memoryStore();
    const model = line();
    const events = await lastValueFrom(
      fromPull(batchesOf([1, 1, 1, 1])).pipe(
        trainStep(model, { loss: squaredError, optimizer: sgd() }),
        checkpointEvery(1, store, ALL),
        readback(2),
        toArray(),
      ),
    );
    model.dispose();
    expect(events.filter(({ type }) => type === 'step').map(({ globalStep }) => globalStep)).toStrictEqual([
      1, 2, 3, 4,
    ]);
    expect(stepsOf(await store.list())).toStrictEqual([1, 2, 3, 4]);
  });

  it('errors if the weights have moved on', async () => {
    const model = line();
    const run$ = fromPull(batchesOf([1, 1])).pipe(
      trainStep(model, { loss: squaredError, optimizer: sgd() }),
      readback(2),
      checkpointEvery(1, memoryStore()),
    );
    await expect(lastValueFrom(run$)).rejects.toThrow(StaleStepError);
    model.dispose();
  });

  it('sends on what the store says', async () => {
    const store = { ...memoryStore(), save: () => Promise.reject(new Error('disk full')) };
    const model = network();
    await expect(lastValueFrom(runOf(model, 9).pipe(checkpointEvery(1, store)))).rejects.toThrow('disk full');
    await new Promise(setImmediate); // what had been copied by then is freed
    model.dispose();
  });

  it('finishes what it has begun when nobody listens any more', async () => {
    const store = memoryStore();
    const model = network();
    await lastValueFrom(runOf(model, 9).pipe(checkpointEvery(1, store, ALL), filter(({ type }) => type === 'step'), take(3))); // prettier-ignore
    await vi.waitFor(async () => expect(await store.list()).toHaveLength(2));
    model.dispose();
  });

  it.each<[string, () => unknown]>([
    ['every must be a positive integer', () => checkpointEvery(0, memoryStore())],
    ["received '5 minutes'", () => checkpointEvery('5 minutes' as '5min', memoryStore())],
    ["received '0s'", () => checkpointEvery('0s', memoryStore())],
    ["received '600h'", () => checkpointEvery('600h', memoryStore())],
    ['keep', () => checkpointEvery(1, memoryStore(), { keep: 0 })],
    ['whenBusy', () => checkpointEvery(1, memoryStore(), { whenBusy: 'never' as 'wait' })],
    ['on must be an Observable', () => checkpointEvery(1, memoryStore(), { on: 'SIGTERM' as never })],
    ['best.metric', () => checkpointEvery(1, memoryStore(), { best: { metric: '', mode: 'min' } })],
    ['best.mode', () => checkpointEvery(1, memoryStore(), { best: { metric: 'loss', mode: 'least' as 'min' } })],
  ])('refuses what can never be: %s', (message, build) => {
    expect(build).toThrow(ArgumentError);
    expect(build).toThrow(message);
  });

  it('needs a run', async () => {
    const event$ = of(stepEvent(1)).pipe(checkpointEvery(1, memoryStore()));
    await expect(lastValueFrom(event$)).rejects.toThrow(ArgumentError);
  });
});
