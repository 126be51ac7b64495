import { readFileSync } from 'node:fs';
import { BehaviorSubject, defer, from, lastValueFrom, map, Subject, toArray } from 'rxjs';
import { describe, expect, it } from 'vitest';

import { reduceOnPlateau, type ReduceOnPlateauOptions } from '../../operators/reduceOnPlateau.js';
import { validateEvery } from '../../operators/validateEvery.js';
import { ArgumentError } from '../../src/core/errors.js';
import type { ChangeEvent, TrainingEvent } from '../../src/core/events.js';
import { sgd } from '../../src/optim/sgd.js';
import { stepEvent, validationEvent } from '../../src/testing/steps.js';
import { train } from '../../src/trainer/train.js';
import { batchesOf, batchOf, line, samples, squaredError } from '../support/line.js';
import { marbles } from '../support/marbles.js';
import { emitted, inRun, statefulRun } from '../support/state.js';

const { plateaus } = JSON.parse(readFileSync(new URL('../optim/vectors.json', import.meta.url), 'utf8')) as {
  plateaus: { values: (number | null)[]; rate: number; options: ReduceOnPlateauOptions; after: number[] }[];
};

describe('reduceOnPlateau', () => {
  it(
    'says that the rate has changed, behind the value that did not get better',
    marbles((m) => {
      const run = { rate: { scale: 1 } };
      const step = (n: number) => inRun(stepEvent(n, { learningRate: 1 }), run);
      const validation = (n: number, loss: number) => inRun(validationEvent(n, { loss }), run);
      const change: ChangeEvent = { type: 'change', globalStep: 3, epoch: 1, what: 'learningRate', from: 1, to: 0.1 };
      const events: Record<string, TrainingEvent> = {
        1: step(1),
        2: step(2),
        3: step(3),
        V: validation(1, 0.5),
        W: validation(2, 0.6),
        X: validation(3, 0.7),
        C: inRun(change, run),
      };
      const source = m.cold('  --1--V--2--W--3--X------|', events);
      const expected = m.cold('--1--V--2--W--3--(XC)---|', events);

      m.expect(source.pipe(reduceOnPlateau('validation.loss', { patience: 2 }))).toBeObservable(expected);
      m.flush();
      expect(run.rate.scale).toBeCloseTo(0.1, 15);
    }),
  );

  it.each(plateaus.map((each, i) => [i, each] as const))(
    'has the rates of PyTorch’s ReduceLROnPlateau, case %d',
    (_, { values, rate, options, after }) => {
      const run = { rate: { scale: 1 } };
      const source = new Subject<TrainingEvent>();
      source.pipe(reduceOnPlateau('loss', options)).subscribe();
      const rates = values.map((loss, i) => {
        const learningRate = rate * run.rate.scale; // as the optimizer does
        source.next(inRun(stepEvent(i + 1, { loss: loss ?? NaN, learningRate }), run));
        return rate * run.rate.scale;
      });

      expect(rates.map((each) => each.toPrecision(12))).toStrictEqual(after.map((each) => each.toPrecision(12)));
    },
  );

  it.each([
    ['a number', 0.5, [0.5, 0.5, 0.5, 0.5, 0.25, 0.25, 0.125, 0.125]],
    ['a schedule', (step: number) => step, [1, 2, 3, 4, 2.5, 3, 1.75, 2]],
    ['an Observable', new BehaviorSubject(0.5), [0.5, 0.5, 0.5, 0.5, 0.25, 0.25, 0.125, 0.125]],
  ] as const)('multiplies a learning rate that is %s, from the next step on', async (_, learningRate, expected) => {
    const model = line();
    const events = await lastValueFrom(
      train(model, () => batchesOf(Array<number>(16).fill(1)), {
        loss: squaredError,
        optimizer: sgd({ learningRate }),
        accumulate: 2,
      }).pipe(
        validateEvery(2, [batchOf(samples(2))]),
        // The first validation is the best; no other is better by 100.
        reduceOnPlateau('validation.loss', { patience: 1, factor: 0.5, minDelta: 100 }),
        toArray(),
      ),
    );
    model.dispose();
    const rates = events.flatMap((event) => (event.type === 'step' ? [event.learningRate] : []));
    const changes = events.flatMap((event) => (event.type === 'change' ? [event] : []));

    // Validations come after steps 2, 4, 6 and 8; all but the first are no better.
    expect(rates).toStrictEqual(expected);
    expect(changes.map(({ globalStep, from: before, to }) => [globalStep, before, to])).toStrictEqual(
      [3, 5, 7].map((i) => [i + 1, expected[i], expected[i]! / 2]),
    );
  });

  it('is a matter of one run: the next begins with the whole rate', async () => {
    const model = line();
    const run$ = train(model, batchesOf([1, 1, 1]), { loss: squaredError, optimizer: sgd({ learningRate: 0.5 }) }).pipe(
      reduceOnPlateau('loss', { patience: 1, factor: 0.5, minDelta: 100 }),
      toArray(),
    );
    const rates = async () =>
      (await lastValueFrom(run$)).flatMap((event) => (event.type === 'step' ? [event.learningRate] : []));

    expect(await rates()).toStrictEqual([0.5, 0.5, 0.25]);
    expect(await rates()).toStrictEqual([0.5, 0.5, 0.25]);
    model.dispose();
  });

  it('stops at the lowest rate, and says nothing there', () => {
    const run = { rate: { scale: 1 } };
    const step = (n: number) => inRun(stepEvent(n, { learningRate: run.rate.scale }), run);
    const source = defer(() => from([1, 2, 3, 4])).pipe(map(step));
    const seen = emitted(source.pipe(reduceOnPlateau('loss', { patience: 1, minRate: 0.3 })));

    expect(seen).toHaveLength(5);
    expect(seen[2]).toMatchObject({ type: 'change', from: 1, to: 0.3 });
  });

  it('goes on with what a snapshot held', async () => {
    const before = statefulRun();
    const first = [3, 4].map((loss, i) => inRun(stepEvent(i + 1, { loss, learningRate: 1 }), before.run));
    emitted(from(first).pipe(reduceOnPlateau('loss', { patience: 2 })));
    const after = statefulRun(await before.held());
    const rest = [inRun(validationEvent(2), after.run), inRun(stepEvent(3, { loss: 3, learningRate: 1 }), { ...after.run, rate: { scale: 1 } })]; // prettier-ignore

    expect(emitted(from(rest).pipe(reduceOnPlateau('loss', { patience: 2 }))).at(-1)).toMatchObject({
      type: 'change',
      globalStep: 3,
      to: 0.1,
    });
  });

  it('errors where there is no run whose rate it could lower, and where no step has come', () => {
    const last = (event: TrainingEvent) => {
      const seen = emitted(from([event, event]).pipe(reduceOnPlateau('validation.loss', { patience: 1 })));
      expect(seen.at(-1)).toBeInstanceOf(ArgumentError);
      return String(seen.at(-1));
    };

    expect(last(validationEvent(1))).toContain('must come from a run');
    expect(last(inRun(validationEvent(1), { rate: { scale: 1 } }))).toContain('the steps must come, too');
  });

  it('rejects what can never be valid', () => {
    const reject = (options: object) => expect(() => reduceOnPlateau('loss', { patience: 1, ...options }));

    reject({ factor: 1 }).toThrow('reduceOnPlateau: factor must be above 0 and below 1, received 1');
    reject({ factor: 0 }).toThrow(ArgumentError);
    reject({ minRate: -1 }).toThrow('reduceOnPlateau: minRate must be a number of at least 0, received -1');
    reject({ patience: 0.5 }).toThrow('reduceOnPlateau: patience');
  });
});
