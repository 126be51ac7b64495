import { lastValueFrom, map, of, timer, toArray } from 'rxjs';
import { describe, expect, it } from 'vitest';

import { stepTimes } from '../../operators/stepTimes.js';
import { tee } from '../../operators/tee.js';
import { validateEvery } from '../../operators/validateEvery.js';
import { RUN } from '../../src/core/run.js';
import { spentTimes } from '../../src/core/spentTimes.js';
import { sgd } from '../../src/optim/sgd.js';
import { stepEvent } from '../../src/testing/steps.js';
import { train } from '../../src/trainer/train.js';
import { batchesOf, line, squaredError } from '../support/line.js';
import { marbles } from '../support/marbles.js';

/** A clock that goes on when it is told to. */
const makeClock = () => {
  let ms = 0;
  return { now: () => ms, spend: (more: number) => void (ms += more) };
};

describe('stepTimes', () => {
  it('adds what the time went to since the step before', marbles((m) => {
    const { now, spend } = makeClock();
    const times = spentTimes();
    const steps = Object.fromEntries([1, 2, 3].map((n) => [n, { ...stepEvent(n), [RUN]: { times } }]));
    const work = map((event: ReturnType<typeof stepEvent>) => {
      const { globalStep } = event;
      times.enter('data');
      spend(globalStep);
      times.enter('forwardBackward');
      spend(10 * globalStep);
      times.enter();
      spend(1000);
      times.enter('read');
      spend(0.5);
      return event;
    });
    const source = m.cold('  --1--2--3--|', steps);
    const expected = m.cold('--a--b--c--|', {
      a: undefined,
      b: { data: 2, forwardBackward: 20, read: 0.5 },
      c: { data: 3, forwardBackward: 30, read: 0.5 },
    });

    m.expect(source.pipe(work, stepTimes(now), map(({ timesMs }) => timesMs))).toBeObservable(expected);
  })); // prettier-ignore

  it('tells the stages of a run apart', async () => {
    const { now, spend } = makeClock();
    const model = line();
    const stages = (ms: number) => ({ takes: <T>(value: T): T => (spend(ms), value) });
    const batches = function* () {
      for (const batch of batchesOf([4, 4, 4, 4, 4, 4])) yield stages(1).takes(batch);
    };
    const optimizer = sgd({ learningRate: 0.1 });
    const slow = {
      ...optimizer,
      update: (...args: Parameters<typeof optimizer.update>) => stages(100).takes(optimizer.update(...args)),
    };
    const loss = (...args: Parameters<typeof squaredError>) => stages(10).takes(squaredError(...args));
    const events = await lastValueFrom(
      train(model, batches, { loss, optimizer: slow, accumulate: 2 }).pipe(
        validateEvery(2, batchesOf([4])),
        stepTimes(now),
        tee(() => stages(1000).takes(undefined)),
        toArray(),
      ),
    );
    model.dispose();
    const steps = events.filter((event) => event.type === 'step');
    // Of the last two batches of 1 ms each, one was fetched while the validation was waited for; the validation goes to the sink, too.

    expect(steps.map(({ timesMs }) => timesMs)).toStrictEqual([
      undefined,
      { data: 2, forwardBackward: 20, update: 100, read: 0, snapshot: 0, sinks: 1000 },
      { data: 1, forwardBackward: 20, update: 100, read: 0, validation: 11, snapshot: 0, sinks: 2000 },
    ]);
  });

  it('counts no pause', async () => {
    const { now, spend } = makeClock();
    const model = line();
    const pause$ = timer(20).pipe(map(() => (spend(5000), true)));
    let asked = false;
    const events = await lastValueFrom(
      train(model, batchesOf([4, 4, 4]), { loss: squaredError, optimizer: sgd({ learningRate: 0.1 }) }).pipe(
        map((event) => {
          if (!asked) event[RUN]?.pauseUntil?.(pause$.pipe(map(() => undefined as never)));
          asked = true;
          return event;
        }),
        stepTimes(now),
        toArray(),
      ),
    );
    model.dispose();
    const spent = events.flatMap((event) => (event.type === 'step' ? Object.values(event.timesMs ?? {}) : []));

    expect(now()).toBe(5000);
    expect(spent.length).toBeGreaterThan(0);
    expect(Math.max(...spent)).toBe(0);
  });

  it('leaves recorded times, and steps of no run, as they are', async () => {
    const { now } = makeClock();
    const recorded = stepEvent(2, { timesMs: { data: 1 } });

    expect(await lastValueFrom(of(stepEvent(1), recorded).pipe(stepTimes(now), toArray()))).toStrictEqual([
      stepEvent(1),
      recorded,
    ]);
  });
});
