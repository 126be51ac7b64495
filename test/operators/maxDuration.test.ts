import { from, VirtualTimeScheduler } from 'rxjs';
import { describe, expect, it } from 'vitest';

import { maxDuration } from '../../operators/maxDuration.js';
import { ArgumentError } from '../../src/core/errors.js';
import type { TrainingEvent } from '../../src/core/events.js';
import { durationMs, type Duration } from '../../src/core/duration.js';
import { stepEvent, validationEvent } from '../../src/testing/steps.js';
import { marbles } from '../support/marbles.js';
import { emitted, inRun, statefulRun } from '../support/state.js';

describe('maxDuration', () => {
  it(
    'ends the run after the first step that is through when the time is up, and lets go of the source',
    marbles((m) => {
      const events: Record<string, TrainingEvent> = {
        1: stepEvent(1),
        2: stepEvent(2),
        3: stepEvent(3),
        4: stepEvent(4),
        V: validationEvent(2),
        E: { type: 'end', globalStep: 3, epoch: 1, reason: 'duration' },
      };
      const source = m.cold('  --1--2-V3--4--|', events);
      const subs = '           ^-------!      ';
      const expected = m.cold('--1--2-V(3E|)  ', events);

      m.expect(source.pipe(maxDuration('7ms'))).toBeObservable(expected);
      m.expect(source).toHaveSubscriptions(subs);
    }),
  );

  it('counts on from what had passed in a snapshot, not from the clock', async () => {
    const clock = new VirtualTimeScheduler();
    const before = statefulRun();
    clock.frame = 1000;
    const source = from([inRun(stepEvent(1), before.run)]);
    emitted(source.pipe(maxDuration(100, clock)));
    clock.frame = 1070;
    const after = statefulRun(await before.held());
    clock.frame = 999_000;
    const rest$ = from([2, 3].map((step) => inRun(stepEvent(step), after.run)));
    const timed = (ms: number) => {
      const seen: unknown[] = [];
      rest$.pipe(maxDuration(ms, clock)).subscribe(({ type, globalStep }) => {
        seen.push([type, globalStep]);
        clock.frame += 20;
      });
      return seen;
    };

    // 70 ms had passed, and 20 pass with each step.
    expect(timed(90)).toStrictEqual([
      ['step', 2],
      ['step', 3],
      ['end', 3],
    ]);
  });

  it.each<[Duration, number]>([
    [250, 250],
    ['250ms', 250],
    ['1.5s', 1500],
    ['2m', 120_000],
    ['2h', 7_200_000],
    ['1d', 86_400_000],
  ])('takes %s for %d ms', (duration, ms) => {
    expect(durationMs(duration, 'x')).toBe(ms);
  });

  it.each([0, -1, Infinity, NaN, '2', '0h', '2 h', 'h', '1h30m'])('rejects %s', (duration) => {
    expect(() => maxDuration(duration as Duration)).toThrow(ArgumentError);
  });
});
