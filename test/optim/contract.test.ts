import * as tf from '@tensorflow/tfjs';
import fc from 'fast-check';
import { describe, expect, it, vi } from 'vitest';

import type { OptimizerState, Updated } from '../../src/core/optimizer.js';
import { fromNamedSlots, toNamedSlots } from '../../src/optim/index.js';
import { optimizers, slotsOf, train } from './support.js';

const slots = slotsOf([3, 2], [4]);
const initial = [0.5, -1, 2, 0, 3, -0.25, 1, -2, 0.125, 4];
const gradients = [1, 2, 3].map((step) => initial.map((_, i) => Math.sin(step * (i + 1))));

const valuesOf = (state: OptimizerState): Record<string, number[]> =>
  Object.fromEntries(Object.entries(state).map(([slot, value]) => [slot, [...value.dataSync()]]));

describe.each(Object.entries(optimizers))('%s', (_name, { make, kernels, constants }) => {
  it('changes, disposes and gives back none of its inputs', () => {
    const optimizer = make();
    const gradient = tf.tensor1d(gradients[0]!);
    const weights = tf.tensor1d(initial);
    const state = optimizer.init(slots);
    const before = { gradient: [...gradient.dataSync()], weights: [...weights.dataSync()], ...valuesOf(state) };
    const inputs = [gradient, weights, ...Object.values(state)];

    const updated = optimizer.update(gradient, state, weights, 0.1);

    const outputs = [updated.weights, ...Object.values(updated.state)];
    expect(new Set([...inputs, ...outputs]).size).toBe(inputs.length + outputs.length);
    expect({ gradient: [...gradient.dataSync()], weights: [...weights.dataSync()], ...valuesOf(state) }).toStrictEqual(
      before,
    );
    const after = valuesOf(updated.state);
    tf.dispose(inputs);
    expect(valuesOf(updated.state)).toStrictEqual(after); // still readable without the inputs
    tf.dispose(outputs);
  });

  it('keeps the names and shapes of its state', () => {
    const optimizer = make();
    const shapes = (state: OptimizerState) =>
      Object.entries(state).map(([slot, { shape, dtype }]) => [slot, shape, dtype]);
    tf.tidy(() => {
      const state = optimizer.init(slots);
      const updated = optimizer.update(tf.tensor1d(gradients[0]!), state, tf.tensor1d(initial), 0.1);
      expect(shapes(updated.state)).toStrictEqual(shapes(state));
      expect(Object.values(state).every(({ shape }) => shape.length === 0 || shape[0] === initial.length)).toBe(true);
    });
  });

  it('gives the same numbers for the same input', () => {
    expect(train(make(), slots, initial, gradients, 0.1)).toStrictEqual(train(make(), slots, initial, gradients, 0.1));
  });

  it('does not move at a learning rate of 0', () => {
    expect(train(make(), slots, initial, gradients, 0).at(-1)).toStrictEqual(initial);
  });

  it('moves every weight against its gradient', () => {
    const [after] = train(make(), slotsOf([2, 2]), [1, 1, 1, 1], [[1, -1, 0.2, -0.2]], 0.01);
    expect(after!.map((weight) => Math.sign(weight - 1))).toStrictEqual([-1, 1, -1, 1]);
  });

  it('takes a step that was skipped on the device for one that never was', () => {
    const optimizer = make();
    const select = (finite: boolean, next: Updated, last: Updated): Updated =>
      tf.tidy(() => ({
        weights: tf.where(tf.scalar(finite, 'bool'), next.weights, last.weights),
        state: Object.fromEntries(
          Object.entries(last.state).map(([slot, old]) => [
            slot,
            tf.where(tf.scalar(finite, 'bool'), next.state[slot]!, old),
          ]),
        ),
      }));
    const skipping = tf.tidy(() => {
      let now: Updated = { weights: tf.tensor1d(initial), state: optimizer.init(slots) };
      gradients.forEach((values, i) => {
        const gradient = tf.tensor1d(i === 1 ? values.map(() => NaN) : values);
        now = select(i !== 1, optimizer.update(gradient, now.state, now.weights, 0.1), now);
      });
      return [...now.weights.dataSync()];
    });
    const never = train(optimizer, slots, initial, [gradients[0]!, gradients[2]!], 0.1);
    expect(skipping).toStrictEqual(never.at(-1));
  });

  it(`costs ${kernels} kernels and ${constants} constants, however many variables there are`, async () => {
    for (const shapes of [[[3, 2], [4]], Array.from({ length: 40 }, (_, i) => (i % 2 ? [2] : [2, 2]))]) {
      const many = slotsOf(...shapes);
      const optimizer = make();
      const size = many.reduce((sum, slot) => sum + slot.size, 0);
      const state = optimizer.init(many);
      const [gradient, weights] = [tf.ones<tf.Rank.R1>([size]), tf.ones<tf.Rank.R1>([size])];
      const made = vi.spyOn(tf.engine(), 'makeTensor');

      let updated: Updated | undefined;
      const profile = await tf.profile(() => {
        updated = optimizer.update(gradient, state, weights, 0.1);
      });

      expect(profile.kernels.map(({ name }) => name)).toHaveLength(kernels);
      expect(made).toHaveBeenCalledTimes(constants);
      made.mockRestore();
      tf.dispose([gradient, weights, { ...state }, updated!.weights, { ...updated!.state }]);
    }
  });

  it('goes on bit for bit from a state saved by name, with the variables in another order', () => {
    const shape = fc.array(fc.integer({ min: 1, max: 3 }), { maxLength: 3 });
    const layouts = fc
      .array(shape, { minLength: 1, maxLength: 5 })
      .map((shapes) => slotsOf(...shapes))
      .chain((here) => fc.tuple(fc.constant(here), fc.shuffledSubarray(here, { minLength: here.length })));
    const numbers = fc.infiniteStream(fc.float({ noNaN: true, min: -8, max: 8 }));

    fc.assert(
      fc.property(layouts, numbers, ([here, there], stream) =>
        tf.tidy(() => {
          const optimizer = make();
          const size = here.reduce((sum, slot) => sum + slot.size, 0);
          const draw = () => tf.tensor1d(Float32Array.from({ length: size }, () => stream.next().value as number));
          const move = (state: OptimizerState) => fromNamedSlots(toNamedSlots(state, here), there);

          let now: Updated = { weights: draw(), state: optimizer.init(here) };
          for (let i = 0; i < 2; i += 1) now = optimizer.update(draw(), now.state, now.weights, 0.1);
          const gradients = draw();
          const { weights, ...moved } = move({ gradients, weights: now.weights });
          const restored = fromNamedSlots(toNamedSlots(now.state, here), there, optimizer.init(there));

          const stayed = optimizer.update(gradients, now.state, now.weights, 0.1);
          const resumed = optimizer.update(moved.gradients as tf.Tensor1D, restored, weights as tf.Tensor1D, 0.1);

          expect(valuesOf({ ...resumed.state, weights: resumed.weights })).toStrictEqual(
            valuesOf(move({ ...stayed.state, weights: stayed.weights })),
          );
        }),
      ),
      { numRuns: 30, seed: 1 },
    );
  });
});
