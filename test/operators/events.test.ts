import { describe, expect, it } from 'vitest';

import { changes } from '../../operators/changes.js';
import { logEvery } from '../../operators/logEvery.js';
import { throughput } from '../../operators/throughput.js';
import { ArgumentError } from '../../src/core/errors.js';
import type { TrainingEvent } from '../../src/core/events.js';
import { stepEvent, validationEvent } from '../../src/testing/steps.js';
import { marbles } from '../support/marbles.js';

const events = { 1: stepEvent(1), 2: stepEvent(2), 3: stepEvent(3), 4: stepEvent(4), V: validationEvent(2) };

const change: TrainingEvent = { type: 'change', globalStep: 4, epoch: 1, what: 'logEvery', from: 2, to: 1 };

describe('logEvery', () => {
  it(
    'lets every n-th step through, and every event that is no step',
    marbles((m) => {
      const source = m.cold<TrainingEvent>('--1--2--V--3--4--|', events);
      const expected = m.cold('             -----2--V-----4--|', events);

      m.expect(source.pipe(logEvery(2))).toBeObservable(expected);
    }),
  );

  it(
    'changes its cadence with an Observable, and with a schedule',
    marbles((m) => {
      const cadence = m.cold('            2--1|', { 2: 2, 1: 1 });
      const source = m.cold('             123-4---|', events);
      const expected = m.cold('           -2--(C4)|', { ...events, C: change });
      const again = m.cold('              1234|', events);
      const scheduled = m.cold('          1--4|', events);

      m.expect(source.pipe(logEvery(cadence))).toBeObservable(expected);
      m.expect(again.pipe(logEvery((globalStep) => (globalStep === 1 ? 1 : 4)))).toBeObservable(scheduled);
    }),
  );

  it.each([0, 1.5, NaN])('rejects every %d steps', (every) => {
    expect(() => logEvery(every)).toThrow(ArgumentError);
  });
});

describe('changes', () => {
  it(
    'tells what was applied to a step before the step itself, in the order in which it was applied',
    marbles((m) => {
      const noted = [
        { what: 'accumulate', from: 2, to: 4 },
        { what: 'learningRate', from: 0.1, to: 0.2 },
      ];
      const [A, B] = noted.map((each): TrainingEvent => ({ type: 'change', globalStep: 2, epoch: 1, ...each }));
      const source = m.cold<TrainingEvent>('12----V|', { ...events, 2: stepEvent(2, { changes: noted }) });
      const expected = m.cold('             1(AB2)V|', { ...events, A: A!, B: B! });

      m.expect(source.pipe(changes())).toBeObservable(expected);
    }),
  );
});

describe('throughput', () => {
  it(
    'adds samples per second over the last steps, none to the first',
    marbles((m) => {
      const at = (n: number, samplesPerSecond?: number) =>
        stepEvent(n, { samples: 10, ...(samplesPerSecond && { samplesPerSecond }) });
      const source = m.cold('  --1--2----3-V-|', { 1: at(1), 2: at(2), 3: at(3), V: events.V });
      const expected = m.cold('--1--2----3-V-|', { 1: at(1), 2: at(2, 10 / 0.003), 3: at(3, 20 / 0.008), V: events.V });
      const again = m.cold('   --1--2----3---|', { 1: at(1), 2: at(2), 3: at(3) });
      const short = m.cold('   --1--2----3---|', { 1: at(1), 2: at(2, 10 / 0.003), 3: at(3, 10 / 0.005) });

      m.expect(source.pipe(throughput<TrainingEvent>())).toBeObservable(expected);
      m.expect(again.pipe(throughput(1))).toBeObservable(short);
    }),
  );

  it('rejects a look back over no steps', () => {
    expect(() => throughput(0)).toThrow(ArgumentError);
  });
});
