import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';

import type { LossFunction } from '../../src/core/loss.js';
import {
  huber,
  mae,
  mse,
  sigmoidCrossEntropy,
  softmaxCrossEntropy,
  sparseSoftmaxCrossEntropy,
} from '../../src/losses/index.js';
import { apart, gradientOf, perSample, runsOn } from './support.js';

interface Vector {
  readonly shape: number[];
  readonly logits: number[];
  readonly labelShape: number[];
  readonly labels: number[];
  readonly weights: number[];
  readonly values: number[];
  readonly gradient: number[];
}

const vectors = JSON.parse(readFileSync(new URL('./vectors.json', import.meta.url), 'utf8')) as {
  losses: Record<string, Vector>;
};

const losses: Record<string, LossFunction> = {
  softmaxCrossEntropy,
  sparseSoftmaxCrossEntropy,
  sigmoidCrossEntropy,
  mse,
  mae,
  'huber(1)': huber(),
  'huber(0.5)': huber(0.5),
  'huber(4)': huber(4),
};
const nameOf = (vector: string): string => vector.split(' ')[0]!;
const isWhole = ({ labels }: Vector): boolean => labels.every((label) => Number.isInteger(label));

describe.each(['cpu', 'wasm'] as const)('on %s', (name) => {
  runsOn(name);

  const cases = Object.entries(vectors.losses).flatMap(([vector, given]) =>
    (isWhole(given) ? (['float32', 'int32'] as const) : (['float32'] as const)).map((dtype) => ({
      vector,
      given,
      dtype,
    })),
  );

  it.each(cases)(
    '$vector with $dtype labels has the values of PyTorch to 1e-5 and its gradient to 1e-6',
    ({ vector, given, dtype }) => {
      const loss = losses[nameOf(vector)]!;
      const labels = { shape: given.labelShape, data: given.labels };
      const logits = { shape: given.shape, data: given.logits };

      expect(apart(perSample(loss, labels, logits, dtype), given.values)).toBeLessThan(1e-5);
      expect(apart(gradientOf(loss, labels, logits, given.weights, dtype), given.gradient)).toBeLessThan(1e-6);
    },
  );
});

it('covers every loss', () => {
  const covered = new Set(Object.keys(vectors.losses).map(nameOf));
  expect([...covered].sort()).toStrictEqual(Object.keys(losses).sort());
});
