import * as tf from '@tensorflow/tfjs';
import { from, lastValueFrom, merge, pipe, toArray, type Observable, type OperatorFunction } from 'rxjs';
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
import { weightsOf, type Weights } from '../../src/core/weights.js';
import { microStep, stepEvent, validationEvent } from '../../src/testing/steps.js';
import { train } from '../../src/trainer/train.js';
import { line } from '../support/line.js';
import { marbles } from '../support/marbles.js';

const at = (x: number, y: number): LogPoint => ({ of: 'training', x, y });
const validatedAt = (x: number, y: number): LogPoint => ({ of: 'validation', x, y });

/** A step of two micro-batches. What one device saw by itself may differ from what all saw. */
const step = (globalStep: number, losses: number[], own = losses) =>
  stepEvent(globalStep, {
    microStep: globalStep * losses.length,
    loss: losses.reduce((a, b) => a + b) / losses.length,
    microBatches: losses.map((loss, i) => ({ loss, weight: 1, metrics: { own: own[i]! } })),
  });

/** Two steps of two micro-batches with a validation behind them, as every row below sees them. */
const run = { 1: step(1, [8, 4]), 2: step(2, [6, 2]), V: validationEvent(2, { loss: 5 }) };
const v = validatedAt(2, 5);

describe('the ways of logging one run', () => {
  it(
    'naive: training ends at 4 on the axis where validation is at 2',
    marbles((m) => {
      const source = m.cold('  -1---2---V|', run);
      const expected = m.cold('-(ab)(cd)v|', { a: at(1, 8), b: at(2, 4), c: at(3, 6), d: at(4, 2), v });

      m.expect(source.pipe(naive())).toBeObservable(expected);
    }),
  );

  it(
    'attempt 1: training and validation both end at 2, with two points on each step',
    marbles((m) => {
      const source = m.cold('  -1---2---V|', run);
      const expected = m.cold('-(ab)(cd)v|', { a: at(1, 8), b: at(1, 4), c: at(2, 6), d: at(2, 2), v });

      m.expect(source.pipe(attempt1())).toBeObservable(expected);
    }),
  );

  it(
    'attempt 2: on every second step only, and there still two points',
    marbles((m) => {
      const source = m.cold('  -1---2---V|', run);
      const expected = m.cold('-----(cd)v|', { c: at(2, 6), d: at(2, 2), v });

      m.expect(source.pipe(attempt2({ every: 2 }))).toBeObservable(expected);
    }),
  );

  it(
    'attempt 3: one point, the last loss; the three before it have no part in it',
    marbles((m) => {
      const source = m.cold('  -1---2---V|', run);
      const others = m.cold('  -1---2---V|', { ...run, 1: step(1, [0, 0]), 2: step(2, [100, 2]) });
      const expected = m.cold('-----d---v|', { d: at(2, 2), v });

      m.expect(source.pipe(attempt3({ every: 2 }))).toBeObservable(expected);
      m.expect(others.pipe(attempt3({ every: 2 }))).toBeObservable(expected);
    }),
  );

  it(
    'attempt 4: one point that all four losses have a part in; the first seeds',
    marbles((m) => {
      const source = m.cold('  -1---2---V|', run);
      const expected = m.cold('-----d---v|', { d: at(2, 4) }); // 8 → 6 → 6 → 4
      
      m.expect(source.pipe(attempt4({ every: 2, alpha: 0.5 }))).toBeObservable(expected);
    }),
  );
});
