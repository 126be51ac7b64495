import * as tf from '@tensorflow/tfjs';
import { afterEach, describe, expect, it, vi } from 'vitest';

import { ArgumentError } from '../../src/core/errors.js';
import type { Live, Schedule } from '../../src/core/live.js';
import type { OptimizerState, Updated } from '../../src/core/optimizer.js';
import { flatten, unflatten } from '../../src/core/weights.js';
import { cosine, fromNamedSlots, fromTf, toNamedSlots } from '../../src/optim/index.js';
import { slotsOf, train } from './support.js';

const slots = slotsOf([3, 2], [4]);
const initial = [0.5, -1, 2, 0, 3, -0.25, 1, -2, 0.125, 4];
const gradients = [1, 2, 3, 4].map((step) => initial.map((_, i) => Math.sin(step * (i + 1))));
const at = (learningRate: Live): number => (learningRate as Schedule)(1);

/** The optimizers of tf.train, and the state that each is to have. */
const cases: Record<string, [make: () => tf.Optimizer, state: string[]]> = {
  SGD: [() => tf.train.sgd(0.1), []],
  Momentum: [() => tf.train.momentum(0.1, 0.9, true), ['accumulations']],
  Adam: [() => tf.train.adam(0.1), ['accBeta1', 'accBeta2', 'accumulatedFirstMoment', 'accumulatedSecondMoment']],
  Adamax: [
    () => tf.train.adamax(0.1),
    ['accBeta1', 'accumulatedFirstMoment', 'accumulatedWeightedInfNorm', 'iteration'],
  ],
  Adadelta: [() => tf.train.adadelta(0.1), ['accumulatedGrads', 'accumulatedUpdates']],
  Adagrad: [() => tf.train.adagrad(0.1, 0.5), ['accumulatedGrads']],
  RMSProp: [() => tf.train.rmsprop(0.1, 0.9, 0.8), ['accumulatedMeanSquares', 'accumulatedMoments']],
  'RMSProp, centered': [
    () => tf.train.rmsprop(0.1, 0.9, 0, 1e-3, true),
    ['accumulatedMeanGrads', 'accumulatedMeanSquares', 'accumulatedMoments'],
  ],
};

const made: tf.Optimizer[] = [];
function fresh(make: () => tf.Optimizer): tf.Optimizer {
  const optimizer = make();
  made.push(optimizer);
  return optimizer;
}
afterEach(() => {
  for (const optimizer of made.splice(0)) {
    optimizer.dispose();
    // tf.train.momentum forgets this one.
    if (optimizer instanceof tf.MomentumOptimizer) tf.dispose((optimizer as unknown as { c: tf.Scalar }).c);
  }
});

/** What the TensorFlow.js optimizer does by itself, on a variable for each slot. */
function alone(optimizer: tf.Optimizer): number[] {
  return tf.tidy(() => {
    const variables = unflatten(tf.tensor1d(initial), slots).map((value, i) =>
      tf.variable(value, true, slots[i]!.name),
    );
    for (const values of gradients) {
      const parts = unflatten(tf.tensor1d(values), slots);
      optimizer.applyGradients(parts.map((tensor, i) => ({ name: slots[i]!.name, tensor })));
    }
    const weights = [...flatten(variables).dataSync()];
    tf.dispose(variables);
    return weights;
  });
}

describe.each(Object.entries(cases))('fromTf(%s)', (_name, [make, names]) => {
  it('gives bit for bit the weights that the optimizer gives by itself', () => {
    const ours = train(fromTf(fresh(make)), slots, initial, gradients, 0.1).at(-1);
    expect(ours).toStrictEqual(alone(fresh(make)));
  });

  it('has its state in tensors: vectors of all weights, and scalars', () => {
    const optimizer = fromTf(fresh(make));
    const shapes = (state: OptimizerState) => Object.entries(state).map(([slot, { shape }]) => [slot, shape]);
    tf.tidy(() => {
      const state = optimizer.init(slots);
      expect(Object.keys(state).sort()).toStrictEqual(names);
      expect(Object.values(state).every(({ shape }) => shape.length === 0 || shape[0] === initial.length)).toBe(true);
      const next = optimizer.update(tf.tensor1d(gradients[0]!), state, tf.tensor1d(initial), 0.1);
      expect(new Map(shapes(next.state) as [string, number[]][])).toStrictEqual(
        new Map(shapes(state) as [string, number[]][]),
      );
    });
  });

  it('starts from the same state however often it is asked', () => {
    const optimizer = fromTf(fresh(make));
    const first = train(optimizer, slots, initial, gradients, 0.1);
    expect(train(optimizer, slots, initial, gradients, 0.1)).toStrictEqual(first);
  });

  it('changes, disposes and gives back none of its inputs', () => {
    const optimizer = fromTf(fresh(make));
    const state = optimizer.init(slots);
    const inputs = [tf.tensor1d(gradients[0]!), tf.tensor1d(initial), ...Object.values(state)] as tf.Tensor1D[];
    const before = inputs.map((tensor) => [...tensor.dataSync()]);

    const updated = optimizer.update(inputs[0]!, state, inputs[1]!, 0.1);

    const outputs = [updated.weights, ...Object.values(updated.state)];
    expect(new Set([...inputs, ...outputs]).size).toBe(inputs.length + outputs.length);
    expect(inputs.map((tensor) => [...tensor.dataSync()])).toStrictEqual(before);
    const after = outputs.map((tensor) => [...tensor.dataSync()]);
    tf.dispose(inputs);
    expect(outputs.map((tensor) => [...tensor.dataSync()])).toStrictEqual(after);
    tf.dispose(outputs);
  });

  it('leaves no tensor in the optimizer that its constructor did not make', () => {
    const theirs = fresh(make);
    const before = tf.memory();
    train(fromTf(theirs), slots, initial, gradients, 0.1);
    const after = tf.memory();
    expect([after.numTensors, after.numDataBuffers]).toStrictEqual([before.numTensors, before.numDataBuffers]);
  });

  it('forgets a step that is not taken, and goes on in another optimizer from a state saved by name', () => {
    const [one, two] = [fromTf(fresh(make)), fromTf(fresh(make))];
    const expected = train(fromTf(fresh(make)), slots, initial, gradients, 0.1).at(-1);
    tf.tidy(() => {
      const step = (optimizer: typeof one, now: Updated, i: number) =>
        optimizer.update(tf.tensor1d(gradients[i]!), now.state, now.weights, 0.1);
      let now: Updated = { weights: tf.tensor1d(initial), state: one.init(slots) };
      now = step(one, now, 0);
      step(one, now, 3); // not taken
      now = step(one, now, 1);
      now = { weights: now.weights, state: fromNamedSlots(toNamedSlots(now.state, slots), slots, two.init(slots)) };
      now = step(two, step(two, now, 2), 3);
      expect([...now.weights.dataSync()]).toStrictEqual(expected);
    });
  });

  it('follows the learning rate it is given', () => {
    const half = train(fromTf(fresh(make)), slots, initial, gradients, 0.05);
    const full = train(fromTf(fresh(make)), slots, initial, gradients, 0.1);
    const [moved] = half[0]!.map((weight, i) => (weight - initial[i]!) / (full[0]![i]! - initial[i]!));
    expect(moved).toBeCloseTo(0.5, 4);
  });
});

describe('fromTf', () => {
  it('has the name of the optimizer, marked as from there', () => {
    expect(fromTf(fresh(() => tf.train.adam())).name).toBe('tf.Adam');
  });

  it('reads the learning rate at every step', () => {
    const theirs = fresh(() => tf.train.sgd(0.5)) as tf.SGDOptimizer;
    const { learningRate } = fromTf(theirs);
    expect(at(learningRate)).toBe(0.5);
    theirs.setLearningRate(0.25);
    expect(at(learningRate)).toBe(0.25);
  });

  it('can be given a schedule', () => {
    const optimizer = { ...fromTf(fresh(() => tf.train.adam(0.1))), learningRate: cosine(1, 10) };
    expect(at(optimizer.learningRate)).toBe(1);
  });

  it('does not count its dry run', () => {
    const theirs = fresh(() => tf.train.adam());
    tf.dispose({ ...fromTf(theirs).init(slots) });
    expect(theirs.iterations).toBe(0);
  });

  it('costs what TensorFlow.js takes for one variable and a few kernels more, however many variables there are', async () => {
    for (const shapes of [[[3, 2], [4]], Array.from({ length: 40 }, () => [2, 2])]) {
      const many = slotsOf(...shapes);
      const optimizer = fromTf(fresh(() => tf.train.adam()));
      const size = many.reduce((sum, slot) => sum + slot.size, 0);
      const inputs = { weights: tf.zeros<tf.Rank.R1>([size]), ...optimizer.init(many) };
      const { weights, ...state } = inputs;
      const constants = vi.spyOn(tf.engine(), 'makeTensor');
      let updated: Updated | undefined;
      const profile = await tf.profile(() => {
        updated = optimizer.update(weights, state, weights, 0.001);
      });
      expect(profile.kernels).toHaveLength(23);
      expect(constants).toHaveBeenCalledTimes(10);
      constants.mockRestore();
      tf.dispose([inputs, updated!.weights, { ...updated!.state }]);
    }
  });

  it('frees everything if the optimizer throws', () => {
    const theirs = fresh(() => tf.train.adam());
    const optimizer = fromTf(theirs);
    const state = optimizer.init(slots);
    const inputs = [tf.tensor1d([1, 2, 3]), tf.tensor1d(initial)] as const;
    const before = tf.memory().numTensors;
    expect(() => optimizer.update(inputs[0], state, inputs[1], 0.1)).toThrow('broadcast');
    expect(tf.memory().numTensors).toBe(before);
    tf.dispose([...inputs, { ...state }]);
  });

  it('refuses an optimizer that has state already', () => {
    const theirs = fresh(() => tf.train.adagrad(0.1));
    alone(theirs);
    const message = 'fromTf: optimizer must be fresh, received one with state in accumulatedGrads';
    expect(() => fromTf(theirs)).toThrow(new ArgumentError(message));
  });

  it.each([
    ['fromTf: optimizer must be a tf.Optimizer, received adam', 'adam'],
    ['fromTf: optimizer must be a tf.Optimizer, received undefined', undefined],
    [
      'fromTf: the learningRate of the optimizer must be a number of at least 0, received undefined',
      { applyGradients: () => undefined },
    ],
  ])('%s', (message, optimizer) => {
    expect(() => fromTf(optimizer as unknown as tf.Optimizer)).toThrow(new ArgumentError(message));
  });
});
