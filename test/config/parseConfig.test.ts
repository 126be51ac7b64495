import { describe, expect, it } from 'vitest';

import { ConfigError } from '../../src/config/configError.js';
import { hyperParameters } from '../../src/config/hyperParameters.js';
import { parseConfig } from '../../src/config/parseConfig.js';
import { applySetting, parseSetting } from '../../src/config/set.js';
import { mse } from '../../src/losses/mse.js';
import { cosine, warmup } from '../../src/optim/schedules.js';
import { adamw } from '../../src/optim/adamw.js';
import type { Schedule } from '../../src/core/live.js';

const data = { train: { file: 'a.csv', xs: ['x'], ys: 'y', batch: 4 } };
const minimal = { model: 'model.json', data, loss: 'mse', optimizer: { name: 'sgd' } };

describe('parseConfig', () => {
  it('makes of names and calls what they stand for', () => {
    const plan = parseConfig(
      {
        ...minimal,
        optimizer: { name: 'adamw', learningRate: { warmup: [10, { cosine: [0.1, 100] }] }, betas: [0.8, 0.9] },
        metrics: ['accuracy', 'mae'],
        operators: [{ ema: ['loss', { alpha: 0.5 }] }, { stopEarly: ['validation.loss', { patience: 2 }] }],
      },
      'test',
    );
    const rate = plan.optimizer.learningRate as Schedule;
    expect(plan.loss).toBe(mse);
    expect([1, 10, 50].map(rate)).toStrictEqual([1, 10, 50].map(warmup(10, cosine(0.1, 100))));
    expect(plan.optimizer).toMatchObject({ name: 'adamw', options: { betas: [0.8, 0.9] } });
    expect(Object.keys(plan.metrics)).toStrictEqual(['accuracy', 'mae']);
    expect(plan.operators.map((operator) => typeof operator)).toStrictEqual(['function', 'function']);
    expect(parseConfig({ ...minimal, loss: { huber: [2] } }, 'test').loss).toBeTypeOf('function');
  });

  it('takes code as it is', () => {
    const model = () => ({ variables: [], apply: () => undefined });
    const optimizer = adamw({ learningRate: 1 });
    const train = () => [];
    const operator = (run$: never) => run$;
    const config = { model, optimizer, data: { train }, loss: mse, metrics: { mine: mse }, operators: [operator] };
    const plan = parseConfig(config, 'test');
    expect(plan).toMatchObject({ model, optimizer, data: { train }, loss: mse, operators: [operator] });
    expect(plan.metrics['mine']!.compute).toBe(mse);
  });

  it.each([
    [{ optimiser: {} }, "optimiser: there is no such key; did you mean 'optimizer'?"],
    [
      { optimizer: { name: 'adam', learningrate: 1 } },
      "optimizer.learningrate: there is no such key; did you mean 'learningRate'?",
    ],
    [
      { optimizer: { name: 'adam', momentum: 1 } },
      'optimizer.momentum: there is no such key; known are name, learningRate',
    ],
    [
      { optimizer: { name: 'adamm' } },
      `optimizer.name: must be a name that is known, it is "adamm"; did you mean 'adam'?`,
    ],
    [{ optimizer: { name: 'adam', learningRate: 'high' } }, 'optimizer.learningRate: must be a number, it is "high"'],
    [{ optimizer: { name: 'adam', learningRate: -1 } }, 'optimizer: adam: learningRate must be'],
    [
      { optimizer: { name: 'adam', learningRate: { cosin: [1, 2] } } },
      "optimizer.learningRate.cosin: there is no such key; did you mean 'cosine'?",
    ],
    [
      { optimizer: { name: 'adam', learningRate: { cosine: [1, 0.5] } } },
      'optimizer.learningRate: cosine: steps must be',
    ],
    [{ optimizer: null }, 'optimizer: must be'],
    [{ loss: 'msee' }, "did you mean 'mse'?"],
    [{ epochs: 0 }, 'epochs: must be a positive integer, it is 0'],
    [{ epochs: 'many' }, 'epochs: must be a positive integer, it is "many"'],
    [
      { data: { train: data.train, valdation: data.train } },
      "data.valdation: there is no such key; did you mean 'validation'?",
    ],
    [{ data: { train: { ...data.train, file: 'a.txt' } } }, 'data.train.file: must be a .csv or a .jsonl file'],
    [{ data: {} }, 'data.train: must be given'],
    [{ metrics: ['acuracy'] }, 'metrics.0: must be a name that is known, it is "acuracy"; did you mean \'accuracy\'?'],
    [{ checkpoint: { every: '10 minutes' } }, 'checkpoint.every: checkpointEvery: every must be'],
    [{ operators: [{ stopEarly: ['validation.loss'] }] }, 'operators.0: '],
    [{ operators: [{}] }, 'operators.0: must be one call'],
    [{ engine: 'gpu' }, 'engine: must be a name that is known'],
  ])('says what is wrong with %j', (wrong, message) => {
    const parse = () => parseConfig({ ...minimal, ...wrong }, 'a.json');
    expect(parse).toThrow(ConfigError);
    expect(parse).toThrow(`a.json:\n  `);
    expect(parse).toThrow(message);
  });

  it('says all at once', () => {
    expect(() => parseConfig({ ...minimal, epochs: 0, steps: 0.5 }, 'a')).toThrow(/epochs: .*\n {2}steps: /);
    expect(() => parseConfig(undefined, 'a')).toThrow(ConfigError);
  });

  it.each(['__proto__.x=1', 'constructor=1', 'optimizer.__proto__={"a":1}', 'checkpoint.prototype.x=1'])(
    'knows no key of a prototype: %s',
    (text) => {
      const config = applySetting(minimal, parseSetting(text));
      expect(() => parseConfig(config, 'a')).toThrow(/there is no such key/);
      expect(({} as Record<string, unknown>)['x']).toBeUndefined();
    },
  );

  it('gives hyper-parameters as plain data', () => {
    const config = { model: function digits() {}, optimizer: adamw({ learningRate: 2 }), steps: 3, data: [new Map()] };
    expect(hyperParameters(config)).toStrictEqual({
      model: '[code: digits]',
      optimizer: { name: 'adamw', learningRate: 2, betas: [0.9, 0.999], epsilon: 1e-8, weightDecay: 0.01 },
      steps: 3,
      data: ['[code: Map]'],
    });
  });
});
