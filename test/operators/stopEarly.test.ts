import { from, Subject } from 'rxjs';
import { describe, expect, it } from 'vitest';

import { stopEarly, type StopEarlyOptions } from '../../operators/stopEarly.js';
import { ArgumentError } from '../../src/core/errors.js';
import type { EndEvent, TrainingEvent } from '../../src/core/events.js';
import { stepEvent, stepResult, validationEvent } from '../../src/testing/steps.js';
import { marbles } from '../support/marbles.js';
import { emitted, inRun, statefulRun } from '../support/state.js';

const losses = (...values: number[]): TrainingEvent[] => values.map((loss, i) => stepEvent(i + 1, { loss }));
/** What the end event of a run with these losses says; undefined if it has none. */
const endOf = (values: number[], options: StopEarlyOptions) => {
  const last = emitted(from(losses(...values)).pipe(stopEarly('loss', options))).at(-1) as TrainingEvent;
  return last.type === 'end' ? last : undefined;
};

describe('stopEarly', () => {
  it(
    'ends the run after so many values that are no better, and lets go of the source',
    marbles((m) => {
      const events: Record<string, TrainingEvent> = {
        1: stepEvent(1),
        2: stepEvent(2),
        3: stepEvent(3, { epoch: 2 }),
        4: stepEvent(4),
        V: validationEvent(1, { loss: 0.5 }),
        W: validationEvent(2, { loss: 0.6 }),
        X: validationEvent(3, { loss: 0.7, epoch: 2 }),
        E: {
          type: 'end',
          globalStep: 3,
          epoch: 2,
          reason: 'earlyStop',
          metric: 'validation.loss',
          best: 0.5,
          bestStep: 1,
        },
      };
      const source = m.cold('  --1--V--2--W--3--X--4--|', events);
      const subs = '           ^----------------!      ';
      const expected = m.cold('--1--V--2--W--3--(XE|)  ', events);

      m.expect(source.pipe(stopEarly('validation.loss', { patience: 2 }))).toBeObservable(expected);
      m.expect(source).toHaveSubscriptions(subs);
    }),
  );

  it(
    'lets the run’s own end pass, if that is first',
    marbles((m) => {
      const end: EndEvent = { type: 'end', globalStep: 1, epoch: 1, reason: 'epochs' };
      const source = m.cold('  1-E|', { 1: stepEvent(1), E: end });
      const expected = m.cold('1-E|', { 1: stepEvent(1), E: end });

      m.expect(source.pipe(stopEarly('loss', { patience: 1 }))).toBeObservable(expected);
    }),
  );

  it('counts values that are no better than the best by more than minDelta, and begins anew after one that is', () => {
    expect(endOf([5, 4, 4, 3, 3, 3], { patience: 2 })).toMatchObject({ globalStep: 6, best: 3, bestStep: 4 });
    expect(endOf([5, 4, 3, 2], { patience: 2, minDelta: 1 })).toBeUndefined(); // 3 is by 2 below 5
    expect(endOf([5, 4.5, 4], { patience: 2, minDelta: 1 })).toMatchObject({ globalStep: 3, best: 5, bestStep: 1 });
    expect(endOf([1, 2, 3, 2, 1], { patience: 2, mode: 'max' })).toMatchObject({ globalStep: 5, best: 3, bestStep: 3 });
  });

  it('takes NaN and Infinity for no better, the first value included', () => {
    expect(endOf([3, NaN, -Infinity], { patience: 2 })).toMatchObject({ globalStep: 3, best: 3, bestStep: 1 });
    expect(endOf([NaN, NaN], { patience: 2 })).toMatchObject({ globalStep: 2, best: NaN, bestStep: 0 });
    expect(endOf([NaN, 3, 2], { patience: 2 })).toBeUndefined();
  });

  it.each<[string, Partial<TrainingEvent>]>([
    ['accuracy', { metrics: { accuracy: 0.5 } }],
    ['gradientNorm', { gradientNorm: 2 }],
    ['ema.loss', { ema: { loss: 0.1 } }],
    ['validation.accuracy', { metrics: { accuracy: 0.5 } }],
    ['ema.validation.loss', { ema: { 'validation.loss': 0.1 } }],
  ])('knows %s', (name, differing) => {
    const make = name.includes('validation.') ? validationEvent : stepEvent;
    const events = [1, 2, 3].map((step) => make(step, differing as never));
    const seen = emitted(from<TrainingEvent[]>(events).pipe(stopEarly(name, { patience: 1, mode: 'min' })));

    expect(seen.at(-1)).toMatchObject({ reason: 'earlyStop', metric: name, globalStep: 2 });
  });

  it('errors when the first event of the kind lacks the metric, and says what is there', () => {
    const event = validationEvent(1, { metrics: { accuracy: 1 }, ema: { 'validation.loss': 1 } });
    const seen = emitted(from<TrainingEvent[]>([stepEvent(1), event]).pipe(stopEarly('validation.mae', { patience: 1, mode: 'min' }))); // prettier-ignore

    expect(seen).toHaveLength(2);
    expect(seen[1]).toBeInstanceOf(ArgumentError);
    expect(String(seen[1])).toContain(
      "stopEarly: 'validation.mae' must be in the events, received validation events with validation.loss, validation.accuracy, ema.validation.loss",
    );
  });

  it('errors at the end of a run that never had the metric, unless it was cut short or has gone on from a checkpoint', () => {
    const run = (...events: TrainingEvent[]) => emitted(from(events).pipe(stopEarly('validation.loss', { patience: 1 }))).at(-1); // prettier-ignore
    const end = (reason: 'epochs' | 'until'): EndEvent => ({ type: 'end', globalStep: 1, epoch: 1, reason });

    expect(run(stepEvent(1), end('epochs'))).toMatchObject({
      name: 'ArgumentError',
      message:
        "stopEarly: 'validation.loss' must be in the events, the run has ended without any validation; put validateEvery before stopEarly",
    });
    expect(run(stepEvent(1), end('until'))).toStrictEqual(end('until'));
    expect(run(stepEvent(7), end('epochs'))).toStrictEqual(end('epochs'));
  });

  it('lets steps pass that have not been read, and errors if it is asked for what they hold', () => {
    const source = new Subject<ReturnType<typeof stepResult> | TrainingEvent>();
    const seen: unknown[] = [];
    source.pipe(stopEarly('validation.loss', { patience: 1 })).subscribe((value) => seen.push(value));
    const step = stepResult();
    for (const value of [step, validationEvent(1), validationEvent(2)]) source.next(value);

    expect(seen[0]).toBe(step);
    expect(seen.at(-1)).toMatchObject({ reason: 'earlyStop', globalStep: 2 });
    step.microBatches[0]!.loss.dispose();
    expect(String(emitted(from([stepResult()]).pipe(stopEarly('loss', { patience: 1 })))[0])).toContain(
      'place stopEarly behind readback',
    );
  });

  it('goes on with the best and the waiting of a snapshot', async () => {
    const before = statefulRun();
    emitted(from(losses(3, 4).map((event) => inRun(event, before.run))).pipe(stopEarly('loss', { patience: 2 })));
    const after = statefulRun(await before.held());
    const rest = [stepEvent(3, { loss: 3 })].map((event) => inRun(event, after.run));

    expect(emitted(from(rest).pipe(stopEarly('loss', { patience: 2 }))).at(-1)).toMatchObject({
      reason: 'earlyStop',
      globalStep: 3,
      best: 3,
      bestStep: 1,
    });
  });

  it('rejects what can never be valid', () => {
    expect(() => stopEarly('', { patience: 1 })).toThrow(ArgumentError);
    expect(() => stopEarly('loss', { patience: 0 })).toThrow('stopEarly: patience must be a positive integer');
    expect(() => stopEarly('loss', { patience: 1, minDelta: -1 })).toThrow('minDelta must be a number of at least 0');
    expect(() => stopEarly('loss', { patience: 1, mode: 'less' as 'min' })).toThrow("mode must be 'min' or 'max'");
    expect(() => stopEarly('validation.accuracy', { patience: 1 })).toThrow("for 'validation.accuracy', received undefined"); // prettier-ignore
  });
});
