import type { TrainingEvent } from '../../src/core/events.js';
import type { RUN } from '../../src/core/run.js';

type Whole<E> = E extends unknown ? Required<Omit<E, typeof RUN>> : never;

const place = { globalStep: 3, epoch: 2 };
const change = { what: 'learningRate', from: 0.1, to: 0.05 };
const histogram = {
  name: 'weights/w',
  edges: [-1, 0.25, 2],
  counts: [3, 4],
  sum: 1.5,
  sumOfSquares: 9.5,
  nonFinite: 1,
};

/** An event of every kind there is, with all that it may hold: the compiler says so when one is missing. */
export const everyKind: { readonly [K in TrainingEvent['type']]: Whole<Extract<TrainingEvent, { type: K }>> } = {
  step: {
    type: 'step',
    ...place,
    microStep: 6,
    loss: 0.5,
    metrics: { accuracy: 0.75 },
    microBatches: [{ loss: 0.5, weight: 4, metrics: { accuracy: 0.75 } }],
    samples: 4,
    learningRate: 0.05,
    gradientNorm: 1.25,
    worldSize: 1,
    ema: { loss: 0.625 },
    samplesPerSecond: 1000,
    timesMs: { data: 0.5, forward: 1.5 },
    nonFinite: { what: 'gradient', action: 'skipped', count: 1 },
    changes: [change],
    histograms: [histogram],
  },
  validation: {
    type: 'validation',
    ...place,
    loss: 0.25,
    metrics: { accuracy: 0.875 },
    samples: 5,
    ema: { 'validation.loss': 0.375 },
    weights: 'averaged',
  },
  checkpoint: { type: 'checkpoint', ...place, name: '0000000003', reason: 'best', best: true, skipped: 2 },
  change: { type: 'change', ...place, ...change },
  histogram: { type: 'histogram', ...place, ...histogram },
  image: { type: 'image', ...place, name: 'digits', images: ['data:image/png;base64,AAAA'] },
  text: { type: 'text', ...place, name: 'sample', text: 'once upon a time' },
  end: { type: 'end', ...place, reason: 'earlyStop', metric: 'validation.loss', best: 0.25, bestStep: 2 },
};
