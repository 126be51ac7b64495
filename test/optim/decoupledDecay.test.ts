import * as tf from '@tensorflow/tfjs';
import { describe, expect, it } from 'vitest';

import { adamw, lion } from '../../src/optim/index.js';
import { slotsOf, train } from './support.js';

const slots = slotsOf([2], [2, 1], [], [1, 1, 1, 2]);
const ones = Array<number>(7).fill(1);
const zeros = Array<number>(7).fill(0);
const rounded = (values: number[]): number[] => values.map((value) => Math.round(value * 1e6) / 1e6);

describe.each([
  ['adamw', adamw],
  ['lion', lion],
])('the weight decay of %s', (_, make) => {
  it('reaches the variables of two axes and more, and no other', () => {
    const [after] = train(make({ weightDecay: 0.5 }), slots, ones, [zeros], 0.2);
    expect(rounded(after!)).toStrictEqual([1, 1, 0.9, 0.9, 1, 0.9, 0.9]);
  });

  it('reaches the variables it is told to, by name or shape', () => {
    const [after] = train(make({ weightDecay: 0.5, decay: ({ name }) => name === 'a' }), slots, ones, [zeros], 0.2);
    expect(rounded(after!)).toStrictEqual([0.9, 0.9, 1, 1, 1, 1, 1]);
  });

  it('can reach all of them or none', () => {
    const [all] = train(make({ weightDecay: 0.5, decay: () => true }), slots, ones, [zeros], 0.2);
    expect(rounded(all!)).toStrictEqual(ones.map(() => 0.9));
    const [none] = train(make({ weightDecay: 0.5, decay: () => false }), slots, ones, [zeros], 0.2);
    expect(none).toStrictEqual(ones);
  });

  it('follows the learning rate of each step, and adds up', () => {
    const twice = train(make({ weightDecay: 0.5 }), slots, ones, [zeros, zeros], 0.2).at(-1)!;
    expect(rounded(twice)[2]).toBe(0.81);
  });

  it('empties the weights and goes no further if it is above 1', () => {
    const [after] = train(make({ weightDecay: 5 }), slots, ones, [zeros], 1);
    expect(after).toStrictEqual([1, 1, 0, 0, 1, 0, 0]);
    const [all] = train(make({ weightDecay: 5, decay: () => true }), slots, ones, [zeros], 1);
    expect(all).toStrictEqual(zeros);
  });

  it('keeps a vector of exemptions only if there are any', () => {
    const slotsOfState = (options: Parameters<typeof make>[0]) =>
      tf.tidy(() => Object.keys(make(options).init(slots)).filter((slot) => slot === 'exempt'));
    expect(slotsOfState({ weightDecay: 0.5 })).toStrictEqual(['exempt']);
    expect(slotsOfState({ weightDecay: 0.5, decay: () => true })).toStrictEqual([]);
    expect(slotsOfState({ weightDecay: 0 })).toStrictEqual([]);
  });
});
