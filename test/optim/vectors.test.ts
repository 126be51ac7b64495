import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';

import type { Optimizer } from '../../src/core/optimizer.js';
import type { WeightSlot } from '../../src/core/weights.js';
import { adagrad, adam, adamw, lion, rmsprop, sgd } from '../../src/optim/index.js';
import { train } from './support.js';

const vectors = JSON.parse(readFileSync(new URL('./vectors.json', import.meta.url), 'utf8')) as {
  slots: WeightSlot[];
  optimizers: Record<string, Record<string, number[]>>;
};

// The formulas of vectors.py.
const indices = [...Array(10).keys()];
const initial = indices.map((i) => Math.sin(1.7 * i + 0.3));
const gradient = (i: number, step: number): number =>
  i === 7 ? 0 : 5 * 10 ** (-2 * (i % 4)) * Math.sin(0.37 * step * (i + 1) + i) + (i < 4 ? 0 : 0.01 * i);
const gradients = [...Array(50).keys()].map((step) => indices.map((i) => gradient(i, step + 1)));

const all = (): boolean => true;
const cases: Record<string, { optimizer: Optimizer; rate: number }> = {
  sgd: { optimizer: sgd(), rate: 0.05 },
  'sgd weightDecay': { optimizer: sgd({ weightDecay: 0.1 }), rate: 0.05 },
  'sgd momentum': { optimizer: sgd({ momentum: 0.9 }), rate: 0.02 },
  'sgd nesterov': { optimizer: sgd({ momentum: 0.9, nesterov: true, weightDecay: 0.05 }), rate: 0.02 },
  adam: { optimizer: adam(), rate: 0.05 },
  'adam betas epsilon': { optimizer: adam({ betas: [0.8, 0.95], epsilon: 1e-3 }), rate: 0.05 },
  'adamw all': { optimizer: adamw({ weightDecay: 0.1, decay: all }), rate: 0.05 },
  'adamw kernel': { optimizer: adamw({ weightDecay: 0.1 }), rate: 0.05 },
  rmsprop: { optimizer: rmsprop(), rate: 0.01 },
  'rmsprop momentum': { optimizer: rmsprop({ rho: 0.9, momentum: 0.8, epsilon: 1e-4 }), rate: 0.01 },
  adagrad: { optimizer: adagrad(), rate: 0.1 },
  'adagrad initial': { optimizer: adagrad({ initialSquares: 0.1, epsilon: 1e-3 }), rate: 0.1 },
  lion: { optimizer: lion(), rate: 0.01 },
  'lion kernel': { optimizer: lion({ betas: [0.95, 0.98], weightDecay: 0.5 }), rate: 0.01 },
};

describe.each(Object.entries(cases))('%s', (name, { optimizer, rate }) => {
  it.each(Object.entries(vectors.optimizers[name]!))(
    'has the weights of PyTorch after %s steps, to 3e-6',
    (steps, expected) => {
      const received = train(optimizer, vectors.slots, initial, gradients, rate)[Number(steps) - 1]!;
      const apart = received.map((weight, i) => Math.abs(weight - expected[i]!));
      expect(Math.max(...apart)).toBeLessThan(3e-6);
    },
  );
});

it('covers every case that PyTorch has written', () => {
  expect(Object.keys(cases)).toStrictEqual(Object.keys(vectors.optimizers));
});
