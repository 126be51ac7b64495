import { concatMap, defer, EMPTY, map, of } from 'rxjs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { validateEvery } from '../../operators/validateEvery.js';
import { StaleStepError } from '../../src/core/errors.js';
import { RUN, type Run } from '../../src/core/run.js';
import { stepEvent } from '../../src/testing/steps.js';
import { batchOf, line, samples, squaredError, type Line } from '../support/line.js';
import { marbles } from '../support/marbles.js';

let model: Line;
beforeEach(() => void (model = line()));
afterEach(() => model.dispose());

/** A step event of a run whose weights are those of `globalStep()` now. */
const inRun = (step: number, globalStep: () => number) => {
  const run: Run = { model, loss: squaredError, metrics: {}, globalStep };
  return { ...stepEvent(step), [RUN]: run };
};

describe('validateEvery', () => {
  it(
    'emits the step at once and the validation when the data is through, and steps in between wait',
    marbles((m) => {
      const own = line();
      let now = 0;
      const run: Run = { model: own, loss: squaredError, metrics: {}, globalStep: () => now };
      const at = (step: number) => defer(() => of({ ...stepEvent((now = step)), [RUN]: run }));
      const steps = { 1: 1, 2: 2, 3: 3 };
      const source = m.cold('  1-2-------3|', steps);
      const data = m.cold('      a--b|', { a: batchOf(samples(2)), b: batchOf(samples(1, 2)) });
      const expected = m.cold('1-2---V---3|', { 1: 's1', 2: 's2', 3: 's3', V: 'v2 of 3' });
      const say = (event: { type: string; globalStep: number; samples: number }) =>
        event.type === 'step' ? `s${event.globalStep}` : `v${event.globalStep} of ${event.samples}`;

      m.expect(
        source.pipe(
          concatMap((n) => at(n)),
          validateEvery(2, data),
          map((event) => say(event as never)),
        ),
      ).toBeObservable(expected);
      m.expect(data).toHaveSubscriptions('--^---!');
      m.flush();
      own.dispose();
    }),
  );

  it('does not begin where the weights have moved on already', () => {
    let begun = false;
    let error: unknown;
    const data = defer(() => {
      begun = true;
      return EMPTY;
    });
    of(inRun(1, () => 2))
      .pipe(validateEvery(1, data))
      .subscribe({ error: (e) => (error = e) });

    expect(error).toBeInstanceOf(StaleStepError);
    expect(error).toMatchObject({
      expected: 1,
      globalStep: 2,
      message: expect.stringContaining('before a readback') as string,
    });
    expect(begun).toBe(false);
  });

  it('errors where the weights move while it is at work', () => {
    let now = 1;
    let error: unknown;
    const data = defer(() => {
      now = 2;
      return of(batchOf(samples(1)));
    });
    of(inRun(1, () => now))
      .pipe(validateEvery(1, data))
      .subscribe({ error: (e) => (error = e) });

    expect(error).toMatchObject({ name: 'StaleStepError', expected: 1, globalStep: 2 });
  });

  it.each([0, 2.5])('rejects every %d steps', (every) => {
    expect(() => validateEvery(every, EMPTY)).toThrow('validateEvery: every must be a positive integer');
  });
});
