import * as tf from '@tensorflow/tfjs';
import { catchError, from, lastValueFrom, map, of, toArray, type Observable } from 'rxjs';
import { describe, expect, it } from 'vitest';

import { readback } from '../../operators/readback.js';
import { skipNonFinite } from '../../operators/skipNonFinite.js';
import { ArgumentError } from '../../src/core/errors.js';
import type { TrainingEvent } from '../../src/core/events.js';
import { sgd } from '../../src/optim/sgd.js';
import { gradientStep, stepResult } from '../../src/testing/steps.js';
import { train } from '../../src/trainer/train.js';
import { batchOf, line, samples, squaredError } from '../support/line.js';
import { emitted, inRun, statefulRun } from '../support/state.js';

/** Step n of a run, finite or not, as an optimizer would have left it. */
const step = (globalStep: number, finite: boolean, run = {}, giveUpAfter?: number) =>
  inRun({ ...stepResult({ globalStep }), finite: tf.scalar(Number(finite)), ...(giveUpAfter && { giveUpAfter }) }, run);
/** Sends what comes of an Observable's events: counts, 'fine', or the error. */
const outcomes = (events$: Observable<TrainingEvent>) =>
  events$.pipe(
    map((event) => (event.type === 'step' ? (event.nonFinite?.count ?? 'fine') : event.type)),
    catchError((error: Error) => of(error)),
  );

describe('skipNonFinite', () => {
  it('marks each step with whether everything in it is finite, and with when to give up', () => {
    const read = (input: Parameters<typeof gradientStep>[0]) => {
      const [marked] = emitted(of(gradientStep(input)).pipe(skipNonFinite({ giveUpAfter: 3 }))) as [
        ReturnType<typeof gradientStep>,
      ];
      const said = [marked.finite!.dataSync()[0], marked.giveUpAfter];
      tf.dispose([marked.gradients, marked.finite!, ...marked.microBatches.map(({ loss }) => loss)]);
      return said;
    };

    expect(read({ gradients: [1, -2] })).toStrictEqual([1, 3]);
    expect(read({ gradients: [1, NaN] })).toStrictEqual([0, 3]);
    expect(read({ gradients: [-Infinity, 1] })).toStrictEqual([0, 3]);
    expect(read({ gradients: [1], microBatches: [{ loss: 1 }, { loss: Infinity }] })).toStrictEqual([0, 3]);
  });

  it('has what was skipped counted in the events, over the whole run', () => {
    const steps = [true, false, true, false, false, true].map((finite, i) => step(i + 1, finite));

    expect(emitted(outcomes(from(steps).pipe(readback(2))))).toStrictEqual(['fine', 1, 'fine', 2, 3, 'fine']);
  });

  it('gives up after so many in a row, and says when', () => {
    const steps = [false, true, false, false, true].map((finite, i) => step(i + 1, finite, {}, 2));
    const [first, second, third, error] = emitted(outcomes(from(steps.slice(0, 4)).pipe(readback())));
    steps[4]!.microBatches[0]!.loss.dispose();
    steps[4]!.finite.dispose();

    expect([first, second, third]).toStrictEqual([1, 'fine', 2]);
    expect(error).toMatchObject({ name: 'NonFiniteError', what: 'gradients', globalStep: 4 });
    expect(String(error)).toContain('fewer than 2 steps in a row must be skipped');
    expect(String(error)).toContain('(3 of the run)');
  });

  it('goes on counting, in all and in a row, from a snapshot', async () => {
    const before = statefulRun();
    emitted(from([step(1, false, before.run, 3), step(2, true, before.run, 3), step(3, false, before.run, 3)]).pipe(readback())); // prettier-ignore
    const after = statefulRun(await before.held());
    const rest = [step(4, false, after.run, 3), step(5, false, after.run, 3)];

    expect(emitted(outcomes(from(rest).pipe(readback())))).toMatchObject([
      3,
      { name: 'NonFiniteError', globalStep: 5 },
    ]);
  });

  it('is an option of train, which takes true for never giving up', async () => {
    const infinite = { ...batchOf(samples(1)), ys: { data: Float32Array.of(Infinity), shape: [1, 1] } };
    const run = async (skips: boolean | { giveUpAfter: number }) => {
      const model = line();
      const options = { loss: squaredError, optimizer: sgd({ learningRate: 0.1 }), skipNonFinite: skips };
      const seen = await lastValueFrom(
        outcomes(train(model, [batchOf(samples(1)), infinite, infinite, infinite], options)).pipe(toArray()),
      );
      expect(model.read().every(Number.isFinite)).toBe(true);
      model.dispose();
      return seen;
    };

    expect(await run(true)).toStrictEqual(['fine', 1, 2, 3, 'end']);
    expect(await run({ giveUpAfter: 3 })).toMatchObject(['fine', 1, 2, { name: 'NonFiniteError', globalStep: 4 }]);
    expect(await run({ giveUpAfter: 4 })).toStrictEqual(['fine', 1, 2, 3, 'end']);
  });

  it('rejects to give up after no step', () => {
    expect(() => skipNonFinite({ giveUpAfter: 0 })).toThrow(ArgumentError);
  });
});
