import * as tf from '@tensorflow/tfjs';
import fc from 'fast-check';
import {
  BehaviorSubject,
  concat,
  concatMap,
  defer,
  from,
  lastValueFrom,
  map,
  NEVER,
  range,
  startWith,
  tap,
  timer,
  toArray,
} from 'rxjs';
import { TestScheduler } from 'rxjs/testing';
import { describe, expect, it, vi } from 'vitest';

import { ema } from '../../operators/ema.js';
import { gate } from '../../operators/gate.js';
import { readback } from '../../operators/readback.js';
import { trainStep } from '../../operators/trainStep.js';
import { ArgumentError } from '../../src/core/errors.js';
import type { StepEvent, TrainingEvent } from '../../src/core/events.js';
import { fromPull } from '../../src/core/fromPull.js';
import { readSnapshot } from '../../src/core/readSnapshot.js';
import { RUN, type Run } from '../../src/core/run.js';
import type { Checkpoint } from '../../src/core/snapshot.js';
import { adam } from '../../src/optim/adam.js';
import { stepEvent, validationEvent } from '../../src/testing/steps.js';
import { train } from '../../src/trainer/train.js';
import { batchesOf, batchOf, line, samples, squaredError } from '../support/line.js';
import { marbles } from '../support/marbles.js';

const signals = { t: true, f: false, s: 'step' } as const;

/** What `fromPull` is in virtual time: a step takes 2 frames, and the gates are asked before the next. */
const steps = (count: number) =>
  defer(() => {
    const gates = new Set<Parameters<NonNullable<Run['pauseUntil']>>[0]>();
    const run: Run = { pauseUntil: (gate$) => void gates.add(gate$) };
    const asked$ = defer(() => {
      const asked = [...gates];
      gates.clear();
      return concat(...asked);
    });
    return range(1, count).pipe(
      concatMap((n) => concat(asked$, timer(2).pipe(map((): StepEvent => ({ ...stepEvent(n), [RUN]: run }))))),
    );
  });
const numbered = map(({ globalStep }: TrainingEvent) => String(globalStep));

describe('gate', () => {
  it(
    'closes behind the step that is under way, and goes on where it was',
    marbles((m) => {
      const open = m.cold('   ---f-------t-----', signals);
      const expected = m.cold('--1-2--------3-(4|)');

      m.expect(steps(4).pipe(gate(open), numbered)).toBeObservable(expected);
    }),
  );

  it(
    'lets as many steps through as it is asked for, and forgets them when it closes or opens',
    marbles((m) => {
      const open = m.cold('   -f---s-----(ss)------(ssf)----t---', signals);
      const expected = m.cold('--1----2-----3-4-------5--------(6|)');

      m.expect(steps(6).pipe(gate(open), numbered)).toBeObservable(expected);
    }),
  );

  it(
    'subscribes to its source only once it opens, if it is closed from the start',
    marbles((m) => {
      const open = m.cold('   ----t', signals).pipe(startWith(false as const));
      const source = m.cold('     --1-|', { 1: stepEvent(1) });
      const expected = m.cold('------1-|', { 1: stepEvent(1) });

      m.expect(source.pipe(gate(open))).toBeObservable(expected);
      m.expect(source).toHaveSubscriptions('----^---!');
    }),
  );

  it(
    'lets what belongs to a step pass, and holds back what comes from no run, in order',
    marbles((m) => {
      const events = { 1: stepEvent(1), 2: stepEvent(2), 3: stepEvent(3), 4: stepEvent(4), V: validationEvent(2) };
      const open = m.cold('   -f---s-----t-', signals);
      const source = m.cold('  1-2V3-4-----|', events);
      const expected = m.cold('1-2--(V3)--4|', events);

      m.expect(source.pipe(gate(open))).toBeObservable(expected);
    }),
  );

  it(
    'listens to neither source nor gate once it is unsubscribed at rest',
    marbles((m) => {
      const open = m.cold(' -f----', signals);
      const source = m.hot('--1---', { 1: stepEvent(1) });

      m.expect(source.pipe(gate(open), numbered), '----!').toBeObservable('--1--');
      m.expect(source).toHaveSubscriptions('^---!');
      m.expect(open).toHaveSubscriptions('^---!');
    }),
  );

  it(
    'stays as it is when the gate’s Observable ends, and ends with its error',
    marbles((m) => {
      m.expect(steps(2).pipe(gate(m.cold('-(f|)', signals)), numbered)).toBeObservable('--1----');
      m.expect(steps(2).pipe(gate(m.cold('---#')), numbered)).toBeObservable('--1#');
    }),
  );

  it('loses and doubles nothing, whatever it is told (property)', () => {
    const told = fc.array(fc.record({ after: fc.nat(6), signal: fc.constantFrom(true, false, 'step' as const) }));
    fc.assert(
      fc.property(told, fc.boolean(), (commands, inRun) => {
        const scheduler = new TestScheduler(() => undefined);
        const [seen, early]: number[][] = [[], []];
        let most = Infinity; // how many may still come
        scheduler.run(({ flush }) => {
          const open$ = concat(
            ...commands.map(({ after, signal }) => timer(after).pipe(map(() => signal))),
            timer(50).pipe(map(() => true)),
            NEVER,
          ).pipe(
            tap((signal) => {
              if (signal === 'step') most = most === Infinity ? 2 : most + 1;
              else most = signal ? Infinity : 1;
            }),
          );
          const source$ = inRun ? steps(9) : steps(9).pipe(map(({ globalStep }) => stepEvent(globalStep)));
          source$.pipe(gate(open$)).subscribe(({ globalStep }) => {
            seen!.push(globalStep);
            most -= 1; // the step under way, and those that were asked for
            if (most < 0) early!.push(globalStep);
          });
          flush();
        });
        expect([seen, early]).toStrictEqual([[1, 2, 3, 4, 5, 6, 7, 8, 9], []]);
      }),
    );
  });

  it('refuses what is no Observable', () => {
    expect(() => gate(true as never)).toThrow(ArgumentError);
  });
});

describe('gate in a run', () => {
  const options = { loss: squaredError, optimizer: adam({ learningRate: 0.05 }) };

  it('rests between two windows, with every micro-batch of the last one used', async () => {
    const model = line();
    const open$ = new BehaviorSubject<boolean | 'step'>(true);
    const seen: (readonly [number, number])[] = [];
    let asked = 0;
    function* source() {
      for (const batch of batchesOf([1, 1, 1, 1, 1, 1, 1])) {
        asked += 1;
        yield batch;
      }
    }
    const done = lastValueFrom(
      train(model, source(), { ...options, accumulate: 2 }).pipe(
        gate(open$),
        tap((event) => {
          if (event.type !== 'step') return;
          seen.push([event.globalStep, event.microBatches.length]);
          if (event.globalStep === 1) open$.next(false);
        }),
      ),
    );
    const settled = async () => {
      for (let turn = 0; turn < 5; turn++) await new Promise(setImmediate);
    };
    await settled();
    expect(seen).toStrictEqual([[1, 2]]);
    expect(asked).toBe(3); // one ahead
    open$.next('step');
    await settled();
    expect(seen).toStrictEqual([[1, 2], [2, 2]]); // prettier-ignore
    open$.next(true);
    expect(await done).toMatchObject({ type: 'end', globalStep: 4 });
    expect(seen.map(([, count]) => count)).toStrictEqual([2, 2, 2, 1]);
    model.dispose();
  });

  it('frees all, and ends the source, when it is unsubscribed at rest', async () => {
    const model = line();
    const before = tf.memory().numTensors;
    let closed = false;
    function* source() {
      try {
        for (;;) yield { xs: tf.tensor2d([[1, 2]]), ys: tf.tensor2d([[3]]) };
      } finally {
        closed = true;
      }
    }
    const open$ = new BehaviorSubject<boolean | 'step'>(true);
    let count = 0;
    const run = train(model, source(), options)
      .pipe(gate(open$))
      .subscribe(() => ((count += 1), open$.next(false)));
    await vi.waitFor(() => expect(count).toBe(1));
    for (let turn = 0; turn < 5; turn++) await new Promise(setImmediate);
    run.unsubscribe();
    await new Promise(setImmediate);
    expect([closed, open$.observed, tf.memory().numTensors]).toStrictEqual([true, false, before]);
    model.dispose();
  });

  it('gives a snapshot at rest at once, and a run goes on from it as if nothing had been', async () => {
    const stages = (model: ReturnType<typeof line>, from?: Checkpoint) =>
      fromPull(
        Array.from({ length: 7 }, (_, i) => batchOf(samples(2, i))),
        from ? { from } : {},
      ).pipe(trainStep(model, { ...options, accumulate: 2, compile: false }), readback(), ema('loss'));
    const plain = ({ [RUN]: _, ...event }: StepEvent) => event;
    const model = line();
    const whole = (await lastValueFrom(stages(model).pipe(toArray()))).map(plain);
    const weights = model.read();
    model.dispose();

    const first = line();
    const open$ = new BehaviorSubject<boolean | 'step'>(true);
    const seen: StepEvent[] = [];
    const run = stages(first)
      .pipe(gate(open$))
      .subscribe((event) => {
        seen.push(event);
        if (event.globalStep === 2) open$.next(false);
      });
    await vi.waitFor(() => expect(seen).toHaveLength(2));
    for (let turn = 0; turn < 5; turn++) await new Promise(setImmediate);
    const snapshot = await seen[1]![RUN]!.state!.snapshot();
    const from = await readSnapshot(snapshot!);
    run.unsubscribe();
    first.dispose();
    expect(from).toMatchObject({ globalStep: 2, microStep: 4 });

    const second = line();
    const rest = (await lastValueFrom(stages(second, from).pipe(toArray()))).map(plain);
    expect([...seen.map(plain), ...rest]).toStrictEqual(whole);
    expect(second.read()).toStrictEqual(weights);
    second.dispose();
  });

  it('lets 20 000 events that have come meanwhile through when it opens, without a long stack', async () => {
    const open$ = new BehaviorSubject<boolean>(true);
    const all = Array.from({ length: 20_000 }, (_, i) => i + 1);
    const passed: number[] = [];
    const passed$ = from(all).pipe(
      map((globalStep) => ({ globalStep })),
      gate(open$),
      tap(({ globalStep }) => {
        passed.push(globalStep);
        if (globalStep === 1) open$.next(false);
      }),
    );
    const ended = lastValueFrom(passed$);
    expect(passed).toStrictEqual([1]);
    open$.next(true);
    await ended;

    expect(passed).toStrictEqual(all);
  });
});
