import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { ConfigError } from '../../src/config/configError.js';
import { applySetting, parseSetting } from '../../src/config/set.js';
import { adam } from '../../src/optim/adam.js';

const set = (config: unknown, text: string): unknown => applySetting(config, parseSetting(text));

describe('--set', () => {
  it.each([
    ['optimizer.learningRate=1e-4', ['optimizer', 'learningRate'], 1e-4],
    ['run=runs/b', ['run'], 'runs/b'],
    ['steps="8"', ['steps'], '8'],
    ['a.b=[1,{"c":true}]', ['a', 'b'], [1, { c: true }]],
    ['run=', ['run'], ''],
    ['model=a=b', ['model'], 'a=b'],
  ])('reads %s', (text, path, value) => {
    expect(parseSetting(text)).toStrictEqual({ path, value });
  });

  it.each(['', 'steps', '=1', '.a=1', 'a.=1', 'a..b=1'])("refuses '%s'", (text) => {
    expect(() => parseSetting(text)).toThrow(ConfigError);
  });

  it('changes a copy, and makes what is on the way', () => {
    const config = { optimizer: { name: 'sgd' }, operators: [{ ema: ['loss'] }] };
    expect(set(config, 'optimizer.learningRate=2')).toStrictEqual({
      ...config,
      optimizer: { name: 'sgd', learningRate: 2 },
    });
    expect(set(config, 'checkpoint.best.mode=max')).toStrictEqual({ ...config, checkpoint: { best: { mode: 'max' } } });
    expect(set(config, 'operators.0.ema=["mae"]')).toStrictEqual({ ...config, operators: [{ ema: ['mae'] }] });
    expect(config).toStrictEqual({ optimizer: { name: 'sgd' }, operators: [{ ema: ['loss'] }] });
  });

  it('changes of an optimizer that code has made the learning rate only', () => {
    const optimizer = adam({ learningRate: 1 });
    expect(set({ optimizer }, 'optimizer.learningRate=2')).toStrictEqual({
      optimizer: { ...optimizer, learningRate: 2 },
    });
    expect(() => set({ optimizer }, 'optimizer.options.epsilon=2')).toThrow(/made by code.*\{ name: 'adam'/);
  });

  it.each([
    ['loss.delta=1', /loss is "mse", there is nothing in it/],
    ['model.x=1', /model is code/],
    ['list.2=1', /list is a list of 2, '2' is none/],
    ['list.length=0', /'length' is none/],
    ['date.x=1', /date is code/],
  ])('refuses %s', (text, message) => {
    expect(() => set({ loss: 'mse', model: () => 1, list: [1, 2], date: new Map() }, text)).toThrow(message);
  });

  it('finds what it has put in, whatever the path, and touches no prototype', () => {
    const key = fc.oneof(
      fc.constantFrom('__proto__', 'constructor', 'prototype', 'toString', 'a'),
      fc.string({ minLength: 1 }).filter((text) => !/[.=]/.test(text)),
    );
    const before = Object.getOwnPropertyNames(Object.prototype);
    fc.assert(
      fc.property(fc.array(key, { minLength: 1, maxLength: 5 }), fc.jsonValue(), (path, value) => {
        const result = set({ a: {} }, `${path.join('.')}=${JSON.stringify(value)}`);
        const found = path.reduce<unknown>(
          (at, each) => Object.getOwnPropertyDescriptor(at as object, each)?.value as unknown,
          result,
        );
        expect(found).toStrictEqual(JSON.parse(JSON.stringify(value)));
        expect(Object.getPrototypeOf(result)).toBe(Object.prototype);
        expect(Object.getOwnPropertyNames(Object.prototype)).toStrictEqual(before);
        expect(({} as Record<string, unknown>)['polluted']).toBeUndefined();
      }),
    );
  });

  it('throws nothing but a ConfigError, whatever the text', () => {
    const thrown: unknown[] = [];
    const text = fc.oneof(
      fc.string(),
      fc.array(fc.constantFrom('a', 'b', 'c', '0', '.', '=', '['), { maxLength: 9 }).map((each) => each.join('')),
    );
    fc.assert(
      fc.property(text, (each) => {
        try {
          set({ a: { b: [1] }, c: 1 }, each);
        } catch (error) {
          thrown.push(error);
        }
      }),
    );
    expect(thrown.length).toBeGreaterThan(0);
    expect(thrown.filter((error) => !(error instanceof ConfigError))).toStrictEqual([]);
    expect(() => set(1, 'a=1')).toThrow(ConfigError);
  });
});
