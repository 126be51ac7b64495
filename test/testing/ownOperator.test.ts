// What a user writes: an operator of one's own, tested in marble time with what `gradstream/testing` gives.
import * as tf from '@tensorflow/tfjs';
import { bufferCount, map, of, type MonoTypeOperatorFunction } from 'rxjs';
import { describe, expect, it } from 'vitest';
import { ema, logEvery, type GradientStep, type StepEvent } from 'gradstream';
import { gradientStep, microStep, numbersOf, stepEvent, stepResult, validationEvent } from 'gradstream/testing';

import { marbles } from '../support/marbles.js';

/** Adds nothing but a decay of the gradients: the shape of an operator of one's own. */
function scaleGradients(factor: number): MonoTypeOperatorFunction<GradientStep> {
  return map((step) => {
    const gradients = tf.mul<tf.Tensor1D>(step.gradients, factor);
    step.gradients.dispose();
    return { ...step, gradients };
  });
}

describe('an operator of one’s own', () => {
  it(
    'is tested with marbles, on steps that are made up',
    marbles((m) => {
      const source = m.cold('  --a--b--|', {
        a: gradientStep({ gradients: [2, 4] }),
        b: gradientStep({ gradients: [0, -2] }),
      });
      const expected = m.cold('--x--y--|', {
        x: { losses: [0], gradients: [1, 2], weight: 1, globalStep: 0 },
        y: { losses: [0], gradients: [0, -1], weight: 1, globalStep: 0 },
      });

      m.expect(source.pipe(scaleGradients(0.5), numbersOf())).toBeObservable(expected);
    }),
  );

  it(
    'stands among the library’s on events that are made up',
    marbles((m) => {
      const range = map((events: StepEvent[]) => events.map((event) => event.ema['loss']));
      const source = m.cold('  1234|', {
        1: stepEvent(1, { loss: 4 }),
        2: stepEvent(2, { loss: 2 }),
        3: stepEvent(3, { loss: 2 }),
        4: stepEvent(4, { loss: 0.5 }),
      });
      const expected = m.cold('---x|', { x: [3, 1.5] });

      m.expect(source.pipe(ema('loss', { alpha: 0.5 }), logEvery(2), bufferCount(2), range)).toBeObservable(expected);
    }),
  );
});

describe('gradstream/testing', () => {
  it('makes steps whose numbers are those given, and numbersOf frees them', () => {
    const seen: unknown[] = [];
    const note = (numbers: unknown) => seen.push(numbers);
    const window = gradientStep({ microBatches: [{ loss: 1, weight: 2 }, { loss: 3 }], gradients: [5], globalStep: 4 });
    of(window).pipe(numbersOf()).subscribe(note);
    of(stepResult({ loss: 7, globalStep: 9 }))
      .pipe(numbersOf())
      .subscribe(note);
    of(microStep({ loss: 2, gradients: [1, 2], weight: 3 }))
      .pipe(numbersOf())
      .subscribe(note);

    expect(seen).toStrictEqual([
      { losses: [1, 3], gradients: [5], weight: 3, globalStep: 4 },
      { losses: [7], weight: 1, globalStep: 9 },
      { losses: [2], gradients: [1, 2], weight: 3, globalStep: 0 },
    ]);
    expect([stepEvent(3).microStep, validationEvent(3).type]).toStrictEqual([3, 'validation']);
  });
});
