import * as tf from '@tensorflow/tfjs';
import { from, lastValueFrom, map, pipe, toArray, type OperatorFunction } from 'rxjs';
import { describe, expect, it } from 'vitest';

import {
  allWays,
  attempt1,
  attempt2,
  attempt3,
  attempt4,
  attempt5,
  naive,
  operators,
  windowMeans,
  type LogPoint,
  type WayName,
} from '../../examples/attempts.js';
import { svgOf, type Chart } from '../../examples/plot.js';
import { storyCharts, type Logs } from '../../examples/storyCharts.js';
import { factsOf } from '../../examples/storyFacts.js';
import { accumulate } from '../../operators/accumulate.js';
import { ema } from '../../operators/ema.js';
import { logEvery } from '../../operators/logEvery.js';
import { mergeReplicas } from '../../operators/mergeReplicas.js';
import { optimizerStep } from '../../operators/optimizerStep.js';
import { readback } from '../../operators/readback.js';
import { validateEvery } from '../../operators/validateEvery.js';
import type { StepEvent, TrainingEvent } from '../../src/core/events.js';
import { last } from '../../src/core/metric.js';
import type { Optimizer } from '../../src/core/optimizer.js';
import type { MicroStep } from '../../src/core/values.js';
import { weightsOf } from '../../src/core/weights.js';
import { microStep, stepEvent, validationEvent } from '../../src/testing/steps.js';
import { train } from '../../src/trainer/train.js';
import { line, type Line } from '../support/line.js';
import { marbles } from '../support/marbles.js';

const at = (x: number, y: number): LogPoint => ({ of: 'training', x, y });

/** A step as the events of a run tell it. What the device that logs saw itself may differ from what all saw. */
const step = (globalStep: number, losses: number[], own = losses) =>
  stepEvent(globalStep, {
    microStep: globalStep * losses.length,
    loss: losses.reduce((a, b) => a + b) / losses.length,
    microBatches: losses.map((loss, i) => ({ loss, weight: 1, metrics: { own: own[i]! } })),
  });

/** What every row below logs: two steps of two micro-batches, with a validation behind them. */
const run = { 1: step(1, [8, 4]), 2: step(2, [2, 1]), V: validationEvent(2, { loss: 5 }) };
const v: LogPoint = { of: 'validation', x: 2, y: 5 };

/** Changes no weights. */
const still: Optimizer = {
  name: 'still',
  learningRate: 0,
  init: () => ({}),
  update: (_gradients, state, weights) => ({ weights: tf.clone(weights), state }),
};

/** From micro-steps to events, through the stages of a run. */
const events = (microBatches: number): OperatorFunction<MicroStep, StepEvent> =>
  pipe(accumulate(microBatches), optimizerStep(still), readback());

/** A micro-step of the model, with its loss as what this device saw itself. */
const micro = (model: Line, loss: number, { n = 1, globalStep = 0, weight = 1 }) =>
  microStep({
    loss,
    weight,
    microStep: n,
    globalStep,
    weights: weightsOf(model),
    gradients: [0, 0, 0],
    metrics: { own: loss },
    reducers: { own: last },
  });

describe('the ways of logging a run', () => {
  it(
    'naive: training ends at 4 on the axis on which validation is at 2',
    marbles((m) => {
      const source = m.cold('  -1---2---V|', run);
      const expected = m.cold('-(ab)(cd)v|', { a: at(1, 8), b: at(2, 4), c: at(3, 2), d: at(4, 1), v });

      m.expect(source.pipe(naive())).toBeObservable(expected);
    }),
  );

  it(
    'attempt 1: training and validation both end at 2; on each step there are two points',
    marbles((m) => {
      const source = m.cold('  -1---2---V|', run);
      const expected = m.cold('-(ab)(cd)v|', { a: at(1, 8), b: at(1, 4), c: at(2, 2), d: at(2, 1), v });

      m.expect(source.pipe(attempt1())).toBeObservable(expected);
    }),
  );

  it(
    'attempt 2: every second step only, and still two points on it',
    marbles((m) => {
      const source = m.cold('  -1---2---V|', run);
      const expected = m.cold('-----(cd)v|', { c: at(2, 2), d: at(2, 1), v });

      m.expect(source.pipe(attempt2({ every: 2 }))).toBeObservable(expected);
    }),
  );

  it(
    'attempt 3: one point, which is the last loss; whatever the three before it were, it is the same',
    marbles((m) => {
      const source = m.cold('  -1---2---V|', run);
      const other = m.cold('   -1---2---V|', { ...run, 1: step(1, [0, 99]), 2: step(2, [99, 1]) });
      const expected = m.cold('-----d---v|', { d: at(2, 1), v });

      m.expect(source.pipe(attempt3({ every: 2 }))).toBeObservable(expected);
      m.expect(other.pipe(attempt3({ every: 2 }))).toBeObservable(expected);
    }),
  );

  it(
    'attempt 4: one point, in which all four losses have a part: 8, then 6, 4 and 2.5',
    marbles((m) => {
      const source = m.cold('  -1---2---V|', run);
      const expected = m.cold('-----d---v|', { d: at(2, 2.5), v });

      m.expect(source.pipe(attempt4({ every: 2, alpha: 0.5 }))).toBeObservable(expected);
    }),
  );

  it('attempts 4 and 5 start afresh with every run', () => {
    for (const attempt of [attempt4, attempt5]) {
      const logged$ = from([run[1]]).pipe(attempt({ every: 1, alpha: 0.5 }));
      const seen: LogPoint[] = [];
      logged$.subscribe((point) => seen.push(point));
      logged$.subscribe((point) => seen.push(point));

      expect(seen).toStrictEqual([at(1, 6), at(1, 6)]);
    }
  });

  const way = { every: 1, alpha: 0.5 };
  it.each([
    ['attempt 4: on two devices it knows its own only, 4 and 10', attempt4(way), 7],
    ['attempt 5: averages the means over both, 7 and 4', attempt5(way), 5.5],
    ['the operators: the same as attempt 5', operators(way), 5.5],
  ])('%s', (_name, log, average) => {
    marbles((m) => {
      const model = line();
      const replica = (weight: number, ...[first, second]: [number, number]) => ({
        a: micro(model, first, { n: 1, weight }),
        b: micro(model, second, { n: 2, weight }),
      });
      const one = m.cold('     -ab-----|', replica(3, 8, 2));
      const late = m.cold('    ---a--b-|', replica(1, 4, 10));
      const expected = m.cold('------d-|', { d: at(1, average) });

      m.expect(mergeReplicas([one, late]).pipe(events(2), log)).toBeObservable(expected);
      m.flush();
      model.dispose();
    })();
  });
});

// peers/lightning_logging.py: losses 0 to 9, four micro-batches a step. PyTorch Lightning 2.6.6 logs 3, 7 and 9 for it: the last loss of each
// window. The means are 1.5, 5.5 and 8.5.
describe('the inputs on which PyTorch Lightning logs 3, 7 and 9', () => {
  const losses = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9];
  const microSteps = (model: Line) =>
    Object.fromEntries(losses.map((loss, i) => [i, micro(model, loss, { n: i + 1, globalStep: Math.floor(i / 4) })]));

  it(
    'give steps 1, 2, 3 with the window means 1.5, 5.5, 8.5, and an average that has seen every loss',
    marbles((m) => {
      const model = line();
      const source = m.cold('  0123456789|', microSteps(model));
      const expected = m.cold('---a---b--(c|)', {
        a: { globalStep: 1, microStep: 4, loss: 1.5, ema: { loss: 2.125 } },
        b: { globalStep: 2, microStep: 8, loss: 5.5, ema: { loss: 6.0078125 } },
        c: { globalStep: 3, microStep: 10, loss: 8.5, ema: { loss: 8.001953125 } },
      });
      const logged$ = source.pipe(events(4), ema('loss', { alpha: 0.5 }), logEvery(1));

      m.expect(
        logged$.pipe(map(({ globalStep, microStep, loss, ema }) => ({ globalStep, microStep, loss, ema }))),
      ).toBeObservable(expected);
      m.flush();
      model.dispose();
    }),
  );

  it(
    'give what Lightning logs by attempt 3',
    marbles((m) => {
      const model = line();
      const source = m.cold('  0123456789|', microSteps(model));
      const expected = m.cold('---a---b--(c|)', { a: at(1, 3), b: at(2, 7), c: at(3, 9) });

      m.expect(source.pipe(events(4), attempt3({ every: 1 }))).toBeObservable(expected);
      m.flush();
      model.dispose();
    }),
  );

  it('give the same in a whole run of two epochs, with validations on the same axis', async () => {
    const w = tf.tidy(() => tf.variable(tf.zeros([1])));
    const model = { variables: [w], apply: (xs: tf.Tensor) => tf.add(xs, tf.mul(w, 0)) };
    const batchOf = (loss: number) => ({
      xs: { data: Float32Array.of(loss), shape: [1] },
      ys: { data: Float32Array.of(0), shape: [1] },
    });
    const run$ = train(model, losses.map(batchOf), {
      loss: (_labels: tf.Tensor, predictions: tf.Tensor) => predictions,
      optimizer: still,
      accumulate: 4,
      epochs: 2,
    }).pipe(validateEvery(3, [0, 1].map(batchOf)), windowMeans(), toArray());
    const validated = (x: number): LogPoint => ({ of: 'validation', x, y: 0.5 });

    expect(await lastValueFrom(run$)).toStrictEqual([
      ...[at(1, 1.5), at(2, 5.5), at(3, 8.5), validated(3)],
      ...[at(4, 1.5), at(5, 5.5), at(6, 8.5), validated(6)],
    ]);
    w.dispose();
  });
});

describe('the picture of the story', () => {
  const options = { microBatches: 3, every: 5, steps: 20 };

  /** A made-up run of two devices, with errors that a formula makes, around the loss that validation finds. */
  const told = (): TrainingEvent[] =>
    Array.from({ length: options.steps }, (_, i) => i + 1).flatMap((s) => {
      const loss = 0.5 + 1 / s;
      const noise = (device: number) => [0, 1, 2].map((i) => loss + 0.4 * Math.sin(s * 7.3 + i * 2.1 + device * 40));
      const [one, other] = [noise(0), noise(1)];
      const merged = one.map((value, i) => (value + other[i]!) / 2);
      return [step(s, merged, one), ...(s % 5 === 0 ? [validationEvent(s, { loss })] : [])];
    });
  const logged = (): Logs => {
    const ways = Object.entries(allWays({ every: options.every, alpha: 0.1 }));
    const logs = ways.map(([name, log]) => {
      const points: LogPoint[] = [];
      from(told())
        .pipe(log)
        .subscribe((point) => points.push(point));
      return [name as WayName, points] as const;
    });
    return Object.fromEntries(logs) as Record<WayName, LogPoint[]>;
  };
  const charts = storyCharts(logged(), options);
  const find = (title: RegExp): Chart => charts.find((chart) => title.test(chart.title))!;
  const xs = (chart: Chart, name: RegExp) =>
    chart.series.find((series) => name.test(series.name))!.points.map(([x]) => x);
  const oneToTwenty = Array.from({ length: 20 }, (_, i) => i + 1);
  const thrice = (places: number[]) => places.flatMap((x) => [x, x, x]);
  const fifths = [5, 10, 15, 20];

  it('shows each way with the validations of the run, on one scale, and a closer look', () => {
    expect(charts.map(({ title }) => title.split(/[ :]/)[0])).toStrictEqual(
      ['Naive', '1', '2', '3', '4', '5', 'The', 'A'], // The operators, A closer look
    );
    charts.forEach((chart) => expect(xs(chart, /validation/)).toStrictEqual(fifths));
    expect(new Set(charts.slice(0, 7).map(({ yRange }) => yRange!.join()))).toHaveLength(1);
  });

  it('shows training three times as long as validation, where it is naive', () => {
    expect(xs(find(/Naive/), /training/)).toStrictEqual(Array.from({ length: 60 }, (_, i) => i + 1));
    expect(find(/Naive/).xRange).toStrictEqual([0, 60]);
  });

  it('shows k points on each step, and on each fifth', () => {
    expect(xs(find(/^1/), /training/)).toStrictEqual(thrice(oneToTwenty));
    expect(xs(find(/^2/), /training/)).toStrictEqual(thrice(fifths));
    expect(xs(find(/closer/), /single/)).toStrictEqual(thrice(oneToTwenty));
  });

  it('shows one point on each fifth step, sampled or averaged, and the mean of every step', () => {
    for (const title of [/^3/, /^4/, /^5/]) expect(xs(find(title), /training/)).toStrictEqual(fifths);
    expect(xs(find(/operators/), /average/)).toStrictEqual(fifths);
    expect(xs(find(/operators/), /mean/)).toStrictEqual(oneToTwenty);
    expect(find(/operators/).series.at(-1)!.points).toStrictEqual(find(/^5/).series.at(-1)!.points);
  });

  it('becomes an SVG that is well-formed and says what is what', () => {
    const svg = svgOf(charts, { title: 'The story', columns: 2 });
    const tags = svg.replace(/<!\[CDATA\[[\s\S]*?\]\]>/g, '').match(/<[^>]*>/g)!;

    expect(tags.filter((tag) => !/^<\/?[\w:]+(\s+[\w:-]+="[^"<]*")*\s*\/?>$/.test(tag))).toStrictEqual([]);
    for (const { title } of charts) expect(svg).toContain(title);
  });
});

describe('factsOf', () => {
  it('counts points, those at one place, and the axis; measures noise in the second half', () => {
    const early: LogPoint = { of: 'validation', x: 1, y: 99 };
    const log = [at(1, 3), at(1, 5), early, at(2, 4), at(2, 6), v];

    expect(factsOf(log)).toStrictEqual({ points: 4, perStep: 2, axis: 1, noise: 1 });
  });

  it('knows no noise where the axes differ', () => {
    expect(factsOf([at(3, 1), at(4, 1), v])).toStrictEqual({ points: 2, perStep: 1, axis: 2, noise: NaN });
  });
});
