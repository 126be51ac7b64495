import fc from 'fast-check';
import { lastValueFrom, map, of, tap, toArray, type Observable } from 'rxjs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { accumulate } from '../../operators/accumulate.js';
import { backward } from '../../operators/backward.js';
import { forward } from '../../operators/forward.js';
import { logEvery } from '../../operators/logEvery.js';
import { optimizerStep } from '../../operators/optimizerStep.js';
import { readback } from '../../operators/readback.js';
import { validateEvery } from '../../operators/validateEvery.js';
import { StaleGradientError, StaleStepError } from '../../src/core/errors.js';
import type { TrainingEvent } from '../../src/core/events.js';
import { fromPull } from '../../src/core/fromPull.js';
import { RUN, waitMap } from '../../src/core/run.js';
import { bindTensors, tensors } from '../../src/core/tensors.js';
import { sgd } from '../../src/optim/sgd.js';
import { train } from '../../src/trainer/train.js';
import { batchesOf, batchOf, line, samples, squaredError, type Line } from '../support/line.js';

let model: Line;
const own = tensors();
beforeEach(() => void (model = line()));
afterEach(() => {
  model.dispose();
  bindTensors(own);
});

const options = { loss: squaredError, optimizer: sgd({ learningRate: 0.1 }) };
const all = <T>(events$: Observable<T>): Promise<T[]> => lastValueFrom(events$.pipe(toArray()));
const counts = (event: TrainingEvent) => `${event.type[0]!}${event.globalStep}`;

describe('C1: globalStep counts optimizer updates from 1, microStep counts passes', () => {
  it('holds over epochs, and validations carry the step that they follow', async () => {
    const held = [batchOf(samples(3, 50))];
    const events = await all(
      train(model, batchesOf([2, 2, 2, 2]), { ...options, accumulate: 2, epochs: 2 }).pipe(validateEvery(2, held)),
    );

    expect(events.map(counts)).toStrictEqual(['s1', 's2', 'v2', 's3', 's4', 'v4', 'e4']);
    expect(events.flatMap((event) => (event.type === 'step' ? [[event.microStep, event.epoch]] : []))).toStrictEqual([
      [2, 1],
      [4, 1],
      [6, 2],
      [8, 2],
    ]);
  });

  it('validates the weights after the step: the same loss as by hand', async () => {
    const held = samples(7, 50);
    const seen: number[] = [];
    const byHand = () => {
      const [w0, w1, b] = model.read();
      return held.reduce((sum, { x, y }) => sum + (x[0] * w0! + x[1] * w1! + b! - y) ** 2, 0) / held.length;
    };
    await all(
      train(model, batchesOf([2, 2, 2]), options).pipe(
        validateEvery(1, [batchOf(held.slice(0, 5)), batchOf(held.slice(5))]),
        tap((event) => event.type === 'validation' && seen.push(Math.abs(event.loss - byHand()))),
      ),
    );

    expect(seen).toHaveLength(3);
    seen.forEach((difference) => expect(difference).toBeLessThan(1e-6));
  });

  it('only optimizerStep advances it: a forgotten wait is found, not trained on', async () => {
    const forgetful = fromPull(batchesOf([1, 1, 1, 1])).pipe(
      map((batch) => ({ ...batch, [RUN]: {} })),
      forward(model, squaredError),
      backward(),
      waitMap(async (step) => {
        await new Promise((resolve) => setTimeout(resolve, 5));
        return step;
      }),
      accumulate(1),
      optimizerStep(options.optimizer),
      readback(),
    );
    await expect(lastValueFrom(forgetful)).rejects.toBeInstanceOf(StaleGradientError);
  });
});

describe('C2: one event for each optimizer step', () => {
  it('whatever the batches and the window are (property)', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.integer({ min: 1, max: 4 }), { minLength: 1, maxLength: 9 }),
        fc.integer({ min: 1, max: 5 }),
        fc.integer({ min: 1, max: 3 }),
        async (sizes, k, every) => {
          const steps = Math.ceil(sizes.length / k);
          const events = await all(train(model, batchesOf(sizes), { ...options, accumulate: k }).pipe(logEvery(every)));
          const expected = Array.from({ length: steps }, (_, i) => i + 1).filter((step) => step % every === 0);
          expect(events.filter(({ type }) => type === 'step').map(({ globalStep }) => globalStep)).toStrictEqual(
            expected,
          );
        },
      ),
      { numRuns: 25 },
    );
  });
});

describe('C5: a window that the source ends early is a correctly scaled step', () => {
  it('at the end of each epoch and of the run, or dropped, or carried', async () => {
    const windows = async (remainder: 'flush' | 'drop' | 'carry') => {
      const events = await all(
        fromPull(batchesOf([1, 2, 3]), { epochs: 2 }).pipe(
          forward(model, squaredError),
          backward(),
          accumulate(2, { remainder }),
          optimizerStep(options.optimizer),
          readback(),
        ),
      );
      return events.map(({ microBatches }) => microBatches.map(({ weight }) => weight));
    };

    expect(await windows('flush')).toStrictEqual([[1, 2], [3], [1, 2], [3]]);
    expect(await windows('drop')).toStrictEqual([
      [1, 2],
      [1, 2],
    ]);
    expect(await windows('carry')).toStrictEqual([
      [1, 2],
      [3, 1],
      [2, 3],
    ]);
  });

  it('equals the gradient of the remainder as one batch (property)', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.integer({ min: 1, max: 3 }), { minLength: 1, maxLength: 4 }), async (sizes) => {
        const [one, other] = [line(), line()];
        await all(train(one, batchesOf(sizes), { ...options, accumulate: 5 }));
        await all(train(other, batchesOf([sizes.reduce((a, b) => a + b)]), options));
        const [a, b] = [one.read(), other.read()];
        one.dispose();
        other.dispose();
        a.forEach((value, i) => expect(value).toBeCloseTo(b[i]!, 6));
      }),
      { numRuns: 15 },
    );
  });
});

describe('C10: readback(n) reads once per n steps, and nothing else in a step reads', () => {
  it('counts one read for each n steps of a full pipe', async () => {
    let reads = 0;
    bindTensors({ ...own, read: (tensor) => ((reads += 1), own.read(tensor)) });
    const run$ = fromPull(batchesOf([1, 1, 1, 1, 1, 1])).pipe(
      forward(model, squaredError),
      backward(),
      accumulate(1),
      optimizerStep(options.optimizer),
      readback(3),
    );

    expect((await all(run$)).map(counts)).toStrictEqual(['s1', 's2', 's3', 's4', 's5', 's6']);
    expect(reads).toBe(2);
  });

  it('what acts on the weights belongs before it: validation behind readback(2) errors, before it works', async () => {
    const steps$ = () =>
      fromPull(batchesOf([1, 1, 1, 1])).pipe(
        forward(model, squaredError),
        backward(),
        accumulate(1),
        optimizerStep(options.optimizer),
      );
    const held = () => [batchOf(samples(2))];

    await expect(all(steps$().pipe(readback(2), validateEvery(1, held)))).rejects.toBeInstanceOf(StaleStepError);
    const events = await all(steps$().pipe(validateEvery(2, held), readback(2)));
    expect(events.map(counts)).toStrictEqual(['s1', 's2', 'v2', 's3', 's4', 'v4']);
  });

  it('validation of steps that come from no model says so', async () => {
    const { stepEvent } = await import('../../src/testing/steps.js');
    await expect(all(of(stepEvent(1)).pipe(validateEvery(1, [])))).rejects.toThrow('must come from forward');
  });
});
