import type * as tf from '@tensorflow/tfjs';
import { describe, expect, it } from 'vitest';

import { fedNumbers } from '../../../src/engine/compile/fedNumbers.js';

/** A binding that says which tensors there are, by id. */
function binding() {
  const alive = new Map<number, number>();
  let made = 0;
  const createTensor = (shape: number[], dtype: number, [value]: Float32Array): number => {
    expect([shape, dtype]).toEqual([[], 1]);
    if (value! < 0) throw new Error('out of memory');
    made += 1;
    alive.set(made, value!);
    return made;
  };
  const deleteTensor = (id: number): void => {
    expect(alive.delete(id)).toBe(true);
  };
  const library = { backend: () => ({ binding: { TF_FLOAT: 1, createTensor, deleteTensor } }) };
  const numbers = fedNumbers(library as unknown as typeof tf);
  const fed = (...values: number[]): (number | undefined)[] => numbers.idsOf(values).map((id) => alive.get(id));
  return { ...numbers, fed, made: () => made, alive: () => [...alive.values()] };
}

describe('numbers that are fed', () => {
  it('makes tensors only of numbers that have changed since they were fed the last time', () => {
    const { fed, made } = binding();
    expect([fed(0.25, 0.5), made()]).toEqual([[0.25, 0.5], 2]);
    expect([fed(0.25, 0.5), made()]).toEqual([[0.25, 0.5], 2]);
    expect(fed(0.25, 0.75)).toEqual([0.25, 0.75]);
    expect(fed(0.5, 0.75)).toEqual([0.5, 0.75]);
    expect(fed(0.5, 0.75, 1)).toEqual([0.5, 0.75, 1]);
    expect(fed(0.5)).toEqual([0.5]);
    expect(fed(NaN)).toEqual([NaN]);
    expect(fed(NaN)).toEqual([NaN]);
  });

  it('keeps no tensor that is not fed any more', () => {
    const { fed, close, alive } = binding();
    fed(1, 2);
    fed(1, 3);
    expect(alive()).toEqual([1, 3]);
    close();
    expect(alive()).toEqual([]);
    close();
    expect(fed(1, 3)).toEqual([1, 3]);
  });

  it('goes on after it has failed half-way', () => {
    const { fed, close, alive } = binding();
    fed(1, 2);
    expect(() => fed(3, -1)).toThrow('out of memory');
    expect(fed(3, 4)).toEqual([3, 4]);
    close();
    expect(alive()).toEqual([]);
  });
});
