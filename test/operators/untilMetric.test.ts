import { from } from 'rxjs';
import { describe, expect, it } from 'vitest';

import { untilMetric } from '../../operators/untilMetric.js';
import { ArgumentError } from '../../src/core/errors.js';
import type { TrainingEvent } from '../../src/core/events.js';
import { stepEvent, validationEvent } from '../../src/testing/steps.js';
import { marbles } from '../support/marbles.js';
import { emitted } from '../support/state.js';

describe('untilMetric', () => {
  it(
    'ends the run with the value that is good enough, and lets go of the source',
    marbles((m) => {
      const validation = (step: number, accuracy: number) => validationEvent(step, { metrics: { accuracy } });
      const events: Record<string, TrainingEvent> = {
        1: stepEvent(1),
        2: stepEvent(2),
        3: stepEvent(3),
        V: validation(1, 0.8),
        W: validation(2, 0.9),
        E: { type: 'end', globalStep: 2, epoch: 1, reason: 'metric', metric: 'validation.accuracy', value: 0.9 },
      };
      const source = m.cold('  --1--V--2--W--3--|', events);
      const subs = '           ^----------!      ';
      const expected = m.cold('--1--V--2--(WE|)  ', events);

      m.expect(source.pipe(untilMetric('validation.accuracy', { atLeast: 0.9 }))).toBeObservable(expected);
      m.expect(source).toHaveSubscriptions(subs);
    }),
  );

  it('takes atMost for a goal from above, and NaN for none', () => {
    const events = [3, NaN, 1, 0].map((loss, i) => stepEvent(i + 1, { loss }));
    const seen = emitted(from<TrainingEvent[]>(events).pipe(untilMetric('loss', { atMost: 1 })));

    expect(seen.at(-1)).toMatchObject({ reason: 'metric', globalStep: 3, value: 1 });
  });

  it('errors if the metric is not there, or never comes', () => {
    const last = (events: TrainingEvent[], name: string) =>
      String(emitted(from(events).pipe(untilMetric(name, { atMost: 1 }))).at(-1));

    expect(last([stepEvent(1)], 'mae')).toContain("untilMetric: 'mae' must be in the events");
    expect(last([stepEvent(1)], 'validation.loss')).toContain('put validateEvery before untilMetric');
  });

  it.each([{}, { atLeast: 1, atMost: 2 }, { atLeast: NaN }])('rejects %o as a goal', (goal) => {
    expect(() => untilMetric('loss', goal as never)).toThrow(ArgumentError);
  });
});
