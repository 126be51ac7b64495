import { NEVER } from 'rxjs';
import { describe, expect, it } from 'vitest';

import { ArgumentError } from '../../src/core/errors.js';
import type { Live } from '../../src/core/live.js';
import type { Optimizer } from '../../src/core/optimizer.js';
import { adagrad, adam, adamw, cosine, lion, rmsprop, sgd } from '../../src/optim/index.js';

const factories: Record<string, (options?: { learningRate: Live }) => Optimizer> = {
  sgd,
  adam,
  adamw,
  rmsprop,
  adagrad,
  lion,
};

describe.each(Object.entries(factories))('%s', (name, make) => {
  it('has its name', () => {
    expect(make().name).toBe(name);
  });

  it.each([
    ['a number', 0.5],
    ['0', 0],
    ['a schedule', cosine(3e-4, 10_000)],
    ['an Observable', NEVER],
  ])('takes %s as its learning rate and hands it on', (_, learningRate) => {
    expect(make({ learningRate }).learningRate).toBe(learningRate);
  });

  it.each([[-1], [NaN], [Infinity]])('refuses a learning rate of %s', (learningRate) => {
    const message = `${name}: learningRate must be a number of at least 0, received ${learningRate}`;
    expect(() => make({ learningRate })).toThrow(new ArgumentError(message));
  });

  it('refuses a learning rate of another kind', () => {
    const message = `${name}: learningRate must be a number, a schedule or an Observable, received fast`;
    expect(() => make({ learningRate: 'fast' as never })).toThrow(new ArgumentError(message));
  });
});

it.each([
  ['sgd', sgd, 0.01],
  ['adam', adam, 0.001],
  ['adamw', adamw, 0.001],
  ['rmsprop', rmsprop, 0.01],
  ['adagrad', adagrad, 0.01],
  ['lion', lion, 0.0001],
] as const)('%s has the learning rate that its comment says', (_, make, learningRate) => {
  expect(make().learningRate).toBe(learningRate);
});

describe('bad options', () => {
  it.each<[string, () => Optimizer]>([
    ['sgd: momentum must be at least 0 and below 1 in single precision, received 1', () => sgd({ momentum: 1 })],
    ['sgd: momentum must be at least 0 and below 1 in single precision, received -0.5', () => sgd({ momentum: -0.5 })],
    ['sgd: weightDecay must be a number of at least 0, received NaN', () => sgd({ weightDecay: NaN })],
    ['sgd: momentum must be above 0 for nesterov, received 0', () => sgd({ nesterov: true })],
    ['adam: betas must be two numbers, received 0.9', () => adam({ betas: 0.9 as never })],
    ['adam: betas must be two numbers, received 0.9', () => adam({ betas: [0.9] as never })],
    ['adam: betas[1] must be at least 0 and below 1 in single precision, received 1', () => adam({ betas: [0.9, 1] })],
    [
      'adam: betas[1] must be at least 0 and below 1 in single precision, received 0.99999999',
      () => adam({ betas: [0.9, 0.99999999] }),
    ],
    ['adam: epsilon must be a positive number, received 0', () => adam({ epsilon: 0 })],
    [
      'adamw: betas[0] must be at least 0 and below 1 in single precision, received NaN',
      () => adamw({ betas: [NaN, 0.9] }),
    ],
    ['adamw: epsilon must be a positive number, received -1', () => adamw({ epsilon: -1 })],
    ['adamw: weightDecay must be a number of at least 0, received -0.1', () => adamw({ weightDecay: -0.1 })],
    [
      'adamw: decay must be a function from a variable to a boolean (the rate is weightDecay), received 0.1',
      () => adamw({ decay: 0.1 as never }),
    ],
    ['rmsprop: rho must be at least 0 and below 1 in single precision, received 1', () => rmsprop({ rho: 1 })],
    [
      'rmsprop: momentum must be at least 0 and below 1 in single precision, received 2',
      () => rmsprop({ momentum: 2 }),
    ],
    ['rmsprop: epsilon must be a positive number, received NaN', () => rmsprop({ epsilon: NaN })],
    ['adagrad: initialSquares must be a number of at least 0, received -1', () => adagrad({ initialSquares: -1 })],
    ['adagrad: epsilon must be a positive number, received 0', () => adagrad({ epsilon: 0 })],
    ['lion: betas[0] must be at least 0 and below 1 in single precision, received 1', () => lion({ betas: [1, 0.9] })],
    ['lion: weightDecay must be a number of at least 0, received Infinity', () => lion({ weightDecay: Infinity })],
    [
      'lion: decay must be a function from a variable to a boolean (the rate is weightDecay), received true',
      () => lion({ decay: true as never }),
    ],
  ])('%s', (message, make) => {
    expect(make).toThrow(new ArgumentError(message));
  });
});
