import * as tf from '@tensorflow/tfjs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { ModelError } from '../../src/core/errors.js';
import { fromNamedSlots, toNamedSlots, type NamedSlots } from '../../src/optim/index.js';
import { slotsOf } from './support.js';

const slots = slotsOf([2, 2], [1], []); // a, b, c

describe('toNamedSlots', () => {
  it('cuts vectors by variable, in its shape, and keeps scalars apart', () => {
    tf.tidy(() => {
      const state = { velocity: tf.tensor1d([1, 2, 3, 4, 5, 6]), count: tf.scalar(7) };
      const { variables, scalars } = toNamedSlots(state, slots);
      expect(Object.keys(variables)).toStrictEqual(['a', 'b', 'c']);
      expect(variables.a!.velocity!.arraySync()).toStrictEqual([
        [1, 2],
        [3, 4],
      ]);
      expect(variables.b!.velocity!.arraySync()).toStrictEqual([5]);
      expect(variables.c!.velocity!.arraySync()).toBe(6);
      expect(scalars.count!.arraySync()).toBe(7);
    });
  });

  it('tells a vector of one weight from a scalar', () => {
    tf.tidy(() => {
      const { variables, scalars } = toNamedSlots({ velocity: tf.tensor1d([1]), count: tf.scalar(2) }, slotsOf([]));
      expect([Object.keys(variables.a!), Object.keys(scalars)]).toStrictEqual([['velocity'], ['count']]);
    });
  });

  it('names every variable of an optimizer without state', () => {
    expect(toNamedSlots({}, slots)).toStrictEqual({ variables: { a: {}, b: {}, c: {} }, scalars: {} });
  });

  it('gives tensors that outlive the state', () => {
    const state = { velocity: tf.tensor1d([1, 2]), count: tf.scalar(3) };
    const { variables, scalars } = toNamedSlots(state, slotsOf([2]));
    tf.dispose(state);
    expect([...variables.a!.velocity!.dataSync(), ...scalars.count!.dataSync()]).toStrictEqual([1, 2, 3]);
    tf.dispose([variables.a!.velocity!, scalars.count!]);
  });
});

describe('fromNamedSlots', () => {
  const named = (): NamedSlots =>
    toNamedSlots({ velocity: tf.tensor1d([1, 2, 3, 4, 5, 6]), count: tf.scalar(7) }, slots);

  it('puts the vectors together in the order of the variables now', () => {
    tf.tidy(() => {
      const state = fromNamedSlots(named(), [slots[2]!, slots[0]!, slots[1]!]);
      expect(state.velocity!.arraySync()).toStrictEqual([6, 1, 2, 3, 4, 5]);
      expect(state.count!.arraySync()).toBe(7);
    });
  });

  it('gives tensors that outlive what they came from', () => {
    const { velocity, count } = { velocity: tf.tensor1d([1, 2]), count: tf.scalar(3) };
    const state = fromNamedSlots({ variables: { a: { velocity } }, scalars: { count } }, slotsOf([2]));
    tf.dispose([velocity, count]);
    expect([...state.velocity!.dataSync(), ...state.count!.dataSync()]).toStrictEqual([1, 2, 3]);
    tf.dispose({ ...state });
  });

  it('brings any state back exactly, in any order of the variables', () => {
    fc.assert(
      fc.property(
        fc.uniqueArray(fc.string(), { minLength: 1, maxLength: 6 }).chain((names) =>
          fc.record({
            slots: fc.tuple(
              ...names.map((name) =>
                fc
                  .array(fc.integer({ min: 1, max: 4 }), { maxLength: 3 })
                  .map((shape) => ({ name, shape, size: shape.reduce((a, b) => a * b, 1) })),
              ),
            ),
            order: fc.shuffledSubarray([...names.keys()], { minLength: names.length }),
          }),
        ),
        fc.infiniteStream(fc.float()),
        ({ slots: here, order }, numbers) => {
          tf.tidy(() => {
            const size = here.reduce((sum, slot) => sum + slot.size, 0);
            const vector = (): tf.Tensor1D =>
              tf.tensor1d(Float32Array.from({ length: size }, () => numbers.next().value as number));
            const state = { one: vector(), two: vector(), count: tf.scalar(numbers.next().value as number) };
            const there = order.map((i) => here[i]!);
            const moved = fromNamedSlots(toNamedSlots(state, here), there, state);
            const back = fromNamedSlots(toNamedSlots(moved, there), here, state);
            for (const [slot, value] of Object.entries(state))
              expect(back[slot]!.dataSync()).toStrictEqual(value.dataSync());
          });
        },
      ),
      { seed: 1 },
    );
  });

  describe('refuses', () => {
    interface Saved {
      variables: Record<string, Record<string, tf.Tensor>>;
      scalars: Record<string, tf.Tensor>;
    }

    /** What is thrown at a saved state that has been changed. */
    function refusal(change: (saved: Saved) => void, like = true): Pick<ModelError, 'message' | 'variables'> {
      let thrown: unknown;
      tf.tidy(() => {
        const { variables, scalars } = named();
        const copies = Object.entries(variables).map(([name, of]) => [name, { ...of }] as const);
        const saved: Saved = { variables: Object.fromEntries(copies), scalars: { ...scalars } };
        change(saved);
        try {
          fromNamedSlots(saved, slots, like ? { velocity: tf.zeros([6]), count: tf.scalar(0) } : undefined);
        } catch (error) {
          thrown = error;
        }
      });
      expect(thrown).toBeInstanceOf(ModelError);
      const { message, variables } = thrown as ModelError;
      return { message, variables };
    }

    const saved = 'fromNamedSlots: the saved state';

    it('a state that lacks a variable, or has one too many', () => {
      expect(refusal(({ variables }) => delete variables.b)).toStrictEqual({
        message: `${saved} must hold the variables of the model, received without 'b', with besides none`,
        variables: ['b'],
      });
      expect(refusal(({ variables }) => (variables.d = {}))).toStrictEqual({
        message: `${saved} must hold the variables of the model, received without none, with besides 'd'`,
        variables: ['d'],
      });
    });

    it.each([[true], [false]])('a variable that lacks a slot, or has one too many (like: %s)', (like) => {
      expect(refusal(({ variables }) => delete variables.b!.velocity, like)).toStrictEqual({
        message: `${saved} must hold the slots of the optimizer for 'b', received without 'velocity', with besides none`,
        variables: ['b'],
      });
      expect(refusal(({ variables }) => (variables.b!.squares = tf.zeros([1])), like)).toStrictEqual({
        message: `${saved} must hold the slots of the optimizer for 'b', received without none, with besides 'squares'`,
        variables: ['b'],
      });
    });

    it('a slot of another shape, though of the same size', () => {
      expect(refusal(({ variables }) => (variables.a!.velocity = tf.zeros([4])))).toStrictEqual({
        message: "fromNamedSlots: 'velocity' of 'a' must have shape [2,2], received [4]",
        variables: ['a'],
      });
    });

    it("another optimizer's state", () => {
      expect(refusal(({ scalars }) => delete scalars.count)).toStrictEqual({
        message: `${saved} must hold the scalars of the optimizer, received without 'count', with besides none`,
        variables: [],
      });
      expect(
        refusal(({ variables }) => Object.values(variables).forEach((of) => (of.squares = of.velocity!))).variables,
      ).toStrictEqual(['a']);
    });
  });
});
