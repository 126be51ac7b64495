import type * as tf from '@tensorflow/tfjs';
import { BehaviorSubject, defer, lastValueFrom, map, pipe, tap, toArray, type OperatorFunction } from 'rxjs';
import { describe, expect, it } from 'vitest';

import { accumulate } from '../../operators/accumulate.js';
import { backward } from '../../operators/backward.js';
import { changes } from '../../operators/changes.js';
import { clipByGlobalNorm } from '../../operators/clipByGlobalNorm.js';
import { clipByValue } from '../../operators/clipByValue.js';
import { ema } from '../../operators/ema.js';
import { forward } from '../../operators/forward.js';
import { logEvery } from '../../operators/logEvery.js';
import { optimizerStep } from '../../operators/optimizerStep.js';
import { readback } from '../../operators/readback.js';
import { disposeTensors, type Batch } from '../../src/core/batch.js';
import type { TrainingEvent } from '../../src/core/events.js';
import { RUN, type Run } from '../../src/core/run.js';
import type { GradientStep } from '../../src/core/values.js';
import { weightsOf } from '../../src/core/weights.js';
import { sgd } from '../../src/optim/sgd.js';
import { microStep, stepEvent } from '../../src/testing/steps.js';
import { train } from '../../src/trainer/train.js';
import { expectToGoOn } from '../support/cutRun.js';
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
      const source = m.cold(' -a-b---c-d-e-----|', {
        a: micro(0, 1),
        b: micro(0, 2),
        c: micro(1, 3),
        d: micro(1, 4),
        e: micro(1, 5),
      });
      const size = m.cold('   2-3-----------|', { 2: 2, 3: 3 }); // arrives between a and b
      const rate = m.cold('   h-----q-------|', { h: 0.5, q: 0.25 });
      const bound = m.cold('  1---2-1-3-----|', { 1: 1, 2: 2, 3: 3 }); // what comes and goes never held
      const limit = m.cold('  1-------------|', { 1: 1 });
      const at = { globalStep: 2, epoch: 1 };
      const expected = m.cold<unknown>('---x-------(ABCy)|', {
        x: [1, [1, 2], 0.5],
        A: { type: 'change', ...at, what: 'accumulate', from: 2, to: 3 },
        B: { type: 'change', ...at, what: 'clipByGlobalNorm', from: 1, to: 3 },
        C: { type: 'change', ...at, what: 'learningRate', from: 0.5, to: 0.25 },
        y: [2, [3, 4, 5], 0.25],
      });
      const say = map((event: TrainingEvent): unknown =>
        event.type === 'step'
          ? [event.globalStep, event.microBatches.map(({ loss }) => loss), event.learningRate]
          : event,
      );

      m.expect(
        source.pipe(
          accumulate(size),
          clipByGlobalNorm(bound),
          clipByValue(limit),
          optimizerStep(sgd({ learningRate: rate })),
          readback(),
          changes(),
          say,
        ),
      ).toBeObservable(expected);
      m.flush();
      model.dispose();
    }),
  );

  it(
    'alpha and a cadence tell of their own, before the step from which they hold, let through or not',
    marbles((m) => {
      const told = { type: 'change', epoch: 1 } as const;
      const events = { 1: stepEvent(1, { loss: 4 }), 2: stepEvent(2, { loss: 8 }), 3: stepEvent(3, { loss: 9 }) };
      const source = m.cold('  -1---2-----3-|', events);
      const weight = m.cold('  h--o---------|', { h: 0.5, o: 1 });
      const every = m.cold('   1-------4----|', { 1: 1, 4: 4 });
      const expected = m.cold('-1---(A2)--B-|', {
        1: { ...events[1], ema: { loss: 4 } },
        A: { ...told, globalStep: 2, what: 'alpha.loss', from: 0.5, to: 1 },
        2: { ...events[2], ema: { loss: 8 } },
        B: { ...told, globalStep: 3, what: 'logEvery', from: 1, to: 4 },
      });

      m.expect(source.pipe(ema('loss', { alpha: weight }), logEvery(every))).toBeObservable(expected);
    }),
  );

  it(
    'what held for a dropped window only is told never, and what a schedule gives is no change',
    marbles((m) => {
      const run: Run = { epochEnd$: m.hot('------x------|').pipe(map(() => undefined)) };
      const micro = (n: number) => ({ ...microStep({ microStep: n }), [RUN]: run });
      const source = m.cold('  ab--c---d----|', { a: micro(1), b: micro(2), c: micro(3), d: micro(4) });
      const size = m.cold('    2-3----1-----|', { 1: 1, 2: 2, 3: 3 }); // 3 for c, which the epoch's end drops
      const expected = m.cold('-x------y----|', { x: undefined, y: [{ what: 'accumulate', from: 2, to: 1 }] });
      const scheduled = m.cold('ab-----------|', { a: micro(1), b: micro(2) });
      const silent = m.cold('  xx-----------|', { x: undefined });
      const say = map((step: GradientStep) => (disposeTensors(step), step.changes));

      m.expect(source.pipe(accumulate(size, { remainder: 'drop' }), say)).toBeObservable(expected);
      m.expect(
        scheduled.pipe(
          accumulate(1),
          clipByValue((globalStep) => 1 + globalStep),
          say,
        ),
      ).toBeObservable(silent);
    }),
  );

  it('a run that is cut and goes on tells the same changes', async () => {
    const sliders = (model: tf.LayersModel): OperatorFunction<Batch, TrainingEvent> =>
      pipe(forward(model, squaredError as never), (pass$) =>
        defer(() => {
          const [rate, size, alpha, every] = [0, 0, 0, 0].map((value) => new BehaviorSubject(value));
          return pass$.pipe(
            tap(({ globalStep }) => {
              const late = globalStep() > 1; // before each micro-batch, as somebody at the sliders would
              rate!.next(late ? 0.05 : 0.1);
              size!.next(late ? 2 : 3);
              alpha!.next(globalStep() > 3 ? 0.5 : 0.25);
              every!.next(globalStep() > 4 ? 1 : 2);
            }),
            backward(),
            accumulate(size!),
            optimizerStep(sgd({ learningRate: rate!, momentum: 0.9 })),
            readback(),
            changes(),
            ema('loss', { alpha: alpha! }),
            logEvery(every!),
          );
        }),
      );
    const changed: string[] = [];
    await expectToGoOn((model) =>
      pipe(
        sliders(model),
        tap((event) => event.type === 'change' && changed.push(event.what)),
      ),
    );
    expect(new Set(changed)).toStrictEqual(new Set(['accumulate', 'learningRate', 'alpha.loss', 'logEvery']));
  });

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
    expect(events.filter(({ type }) => type === 'change')).toStrictEqual([
      expect.objectContaining({ globalStep: 2, what: 'accumulate', from: 2, to: 1 }),
      expect.objectContaining({ globalStep: 2, what: 'learningRate', from: 0.1, to: 0.2 }),
    ]);
    expect([learningRate, accumulated, every, alpha].some((each) => each!.observed)).toBe(false);
  });
});
