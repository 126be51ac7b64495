import { BehaviorSubject, lastValueFrom, map, tap, toArray } from 'rxjs';
import { describe, expect, it } from 'vitest';

import { accumulate } from '../../operators/accumulate.js';
import { ema } from '../../operators/ema.js';
import { logEvery } from '../../operators/logEvery.js';
import { optimizerStep } from '../../operators/optimizerStep.js';
import { readback } from '../../operators/readback.js';
import type { StepEvent } from '../../src/core/events.js';
import { sgd } from '../../src/optim/sgd.js';
import { microStep } from '../../src/testing/steps.js';
import { train } from '../../src/trainer/train.js';
import { weightsOf } from '../../src/core/weights.js';
import { batchesOf, line, squaredError } from '../support/line.js';
import { marbles } from '../support/marbles.js';

describe('C14: live hyper-parameters take effect at window boundaries only', () => {
  it(
    'window size and learning rate, moved in mid-window, in marble time',
    marbles((m) => {
      const model = line([1, 1], 1);
      const weights = weightsOf(model);
      const micro = (globalStep: number, n: number) =>
        microStep({ gradients: [1, 1, 1], weights, globalStep, microStep: n, loss: n });
      const source = m.cold(' -a-b---c-d-e|', {
        a: micro(0, 1),
        b: micro(0, 2),
        c: micro(1, 3),
        d: micro(1, 4),
        e: micro(1, 5),
      });
      const size = m.cold('   2-3-------|', { 2: 2, 3: 3 }); // arrives between a and b
      const rate = m.cold('   h-----q---|', { h: 0.5, q: 0.25 });
      const expected = m.cold('---x-------y|', { x: [1, [1, 2], 0.5], y: [2, [3, 4, 5], 0.25] });
      const say = map(({ globalStep, microBatches, learningRate }: StepEvent) => [
        globalStep,
        microBatches.map(({ loss }) => loss),
        learningRate,
      ]);

      m.expect(
        source.pipe(accumulate(size), optimizerStep(sgd({ learningRate: rate })), readback(), say),
      ).toBeObservable(expected);
      m.flush();
      model.dispose();
    }),
  );

  it('a slider that moves while a run goes on', async () => {
    const model = line();
    const [learningRate, accumulated, every, alpha] = [0.1, 2, 1, 0.5].map((value) => new BehaviorSubject(value));
    const events = await lastValueFrom(
      train(model, batchesOf([1, 1, 1, 1, 1, 1, 1]), {
        loss: squaredError,
        optimizer: sgd({ learningRate: learningRate! }),
        accumulate: accumulated!,
      }).pipe(
        ema('loss', { alpha: alpha! }),
        tap(({ globalStep }) => {
          if (globalStep !== 1) return;
          learningRate!.next(0.2);
          accumulated!.next(1);
          every!.next(2);
        }),
        logEvery(every!),
        toArray(),
      ),
    );
    model.dispose();
    const steps = events.flatMap((event) => (event.type === 'step' ? [event] : []));

    expect(steps.map(({ globalStep }) => globalStep)).toStrictEqual([2, 4, 6]);
    expect(steps.map((event) => [event.learningRate, event.microBatches.length])).toStrictEqual([
      [0.2, 1],
      [0.2, 1],
      [0.2, 1],
    ]);
    expect([learningRate, accumulated, every, alpha].some((each) => each!.observed)).toBe(false);
  });
});
