import * as tf from '@tensorflow/tfjs';
import { map, of } from 'rxjs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { backward } from '../../operators/backward.js';
import { forward, type ForwardOptions } from '../../operators/forward.js';
import { disposeTensors, type Batch } from '../../src/core/batch.js';
import { ArgumentError, ModelError } from '../../src/core/errors.js';
import type { LossFunction } from '../../src/core/loss.js';
import { sum, type Metric } from '../../src/core/metric.js';
import type { Model } from '../../src/core/model.js';
import { RUN, type Run } from '../../src/core/run.js';
import type { MicroStep } from '../../src/core/values.js';
import { batchOf, line, samples, squaredError, type Line } from '../support/line.js';
import { marbles } from '../support/marbles.js';

let model: Line;
beforeAll(() => void (model = line()));
afterAll(() => model.dispose());

const read = (step: MicroStep) => {
  const { loss, gradients, metrics, weight, samples: count, microStep, globalStep, epoch } = step;
  const numbers = {
    loss: loss.dataSync()[0]!,
    gradients: [...gradients.dataSync()],
    metrics: Object.fromEntries(Object.entries(metrics).map(([name, value]) => [name, value.dataSync()[0]!])),
  };
  disposeTensors(step);
  return { ...numbers, weight, samples: count, microStep, globalStep, epoch };
};

/** One batch through forward and backward, as plain numbers; throws what is sent. */
function pass(
  batch: Batch,
  {
    of: given = model as Model,
    loss = squaredError as LossFunction,
    ...options
  }: ForwardOptions & { of?: Model; loss?: LossFunction } = {},
) {
  let result: ReturnType<typeof read> | undefined;
  let failure: { error: unknown } | undefined;
  of(batch)
    .pipe(forward(given, loss, options), backward(), map(read))
    .subscribe({ next: (numbers) => (result = numbers), error: (error: unknown) => (failure = { error }) });
  if (failure) throw failure.error;
  return result!;
}

const meanLoss = (batch: ReturnType<typeof samples>, [w0, w1, b]: number[], weights: number[]) => {
  const total = weights.reduce((a, c) => a + c, 0);
  return batch.reduce((all, { x, y }, i) => all + weights[i]! * (x[0] * w0! + x[1] * w1! + b! - y) ** 2, 0) / total;
};

/** Central differences of the mean loss, in double precision. */
const differences = (batch: ReturnType<typeof samples>, at: number[], weights: number[]) =>
  at.map((_, i) => {
    const moved = (by: number) =>
      meanLoss(
        batch,
        at.map((value, j) => value + (i === j ? by : 0)),
        weights,
      );
    return (moved(1e-5) - moved(-1e-5)) / 2e-5;
  });

describe('forward and backward', () => {
  it(
    'emit one micro-step for each batch, counted from 1',
    marbles((m) => {
      const source = m.cold('  --a--b--|', { a: batchOf(samples(1)), b: { ...batchOf(samples(3)), epoch: 2 } });
      const expected = m.cold('--x--y--|', { x: [1, 1, 1], y: [2, 3, 2] });
      const say = map((step: MicroStep) => {
        const { microStep, weight, epoch } = read(step);
        return [microStep, weight, epoch];
      });

      m.expect(source.pipe(forward(model, squaredError), backward(), say)).toBeObservable(expected);
    }),
  );

  it('give the loss and its gradients by finite differences, in the order of the variables', () => {
    const part = samples(5);
    const { loss, gradients } = pass(batchOf(part));

    expect(loss).toBeCloseTo(meanLoss(part, model.read(), [1, 1, 1, 1, 1]), 6);
    differences(part, model.read(), [1, 1, 1, 1, 1]).forEach((expected, i) =>
      expect(gradients[i]).toBeCloseTo(expected, 5),
    );
  });

  it('weigh each sample where the batch says so', () => {
    const part = samples(3);
    const weights = [0.5, 0, 2];
    const { loss, gradients, weight } = pass(batchOf(part, weights));

    expect(weight).toBe(2.5);
    expect(loss).toBeCloseTo(meanLoss(part, model.read(), weights), 6);
    differences(part, model.read(), weights).forEach((expected, i) => expect(gradients[i]).toBeCloseTo(expected, 5));
  });

  it('take the weight of a batch as a number, and a loss that is a scalar', () => {
    const part = samples(4);
    const scalar = (labels: tf.Tensor, predictions: tf.Tensor) => tf.mean(tf.squaredDifference(labels, predictions));
    const { loss, weight } = pass(batchOf(part, 17), { loss: scalar });

    expect(weight).toBe(17);
    expect(loss).toBeCloseTo(meanLoss(part, model.read(), [1, 1, 1, 1]), 6);
  });

  it('compute metrics on the same predictions, per sample or as a scalar', () => {
    const part = samples(4);
    const error = (labels: tf.Tensor, predictions: tf.Tensor) =>
      tf.reshape(tf.squaredDifference(labels, predictions), [-1]);
    const count: Metric = { compute: () => tf.scalar(4, 'int32'), reduce: sum };
    const { loss, metrics } = pass(batchOf(part), { metrics: { error, count } });

    expect(metrics).toStrictEqual({ error: loss, count: 4 });
  });

  it('train a tf.LayersModel, and leave frozen layers alone', () => {
    const layers = tf.sequential({
      layers: [
        tf.layers.dense({
          inputShape: [2],
          units: 3,
          activation: 'relu',
          kernelInitializer: tf.initializers.glorotUniform({ seed: 1 }),
        }),
        tf.layers.dense({ units: 1, kernelInitializer: tf.initializers.glorotUniform({ seed: 2 }) }),
      ],
    });
    expect(pass(batchOf(samples(2)), { of: layers }).gradients).toHaveLength(2 * 3 + 3 + 3 + 1);
    layers.layers[0]!.trainable = false;
    expect(pass(batchOf(samples(2)), { of: layers }).gradients).toHaveLength(4);
    layers.dispose();
  });

  it('accept tensors, and several inputs by name, and dispose them', () => {
    const two: Model = {
      variables: model.variables,
      apply: ({ left, right }: { left: tf.Tensor2D; right: tf.Tensor2D }) =>
        model.apply(tf.concat([left, right], 1), { training: true }) as tf.Tensor,
    };
    const [sample] = samples(1);
    const batch = {
      xs: { left: tf.tensor2d([[sample!.x[0]]]), right: { data: Float32Array.of(sample!.x[1]), shape: [1, 1] } },
      ys: tf.tensor2d([[sample!.y]]),
    };
    const { loss } = pass(batch, { of: two });

    expect(loss).toBeCloseTo(pass(batchOf(samples(1))).loss, 6);
    expect(batch.xs.left.isDisposed && batch.ys.isDisposed).toBe(true);
  });

  it('let each batch keep the run that it came in', () => {
    const [one, other] = [{ ended: () => 'over' as const }, { ended: () => undefined }];
    const batches = [one, other, undefined, one].map((run) => ({ ...batchOf(samples(1)), ...(run && { [RUN]: run }) }));
    const runs: (Run | undefined)[] = [];
    of(...batches)
      .pipe(forward(model, squaredError))
      .subscribe((pass) => runs.push(pass[RUN]));
    expect(runs.map((run) => run?.ended)).toEqual([one.ended, other.ended, undefined, one.ended]);
    expect(runs.every((run) => run?.model === model)).toBe(true);
    disposeTensors(batches);
  });

  describe('send a typed error that names the micro-batch, and leave no tensor, for', () => {
    const good = batchOf(samples(2));
    const boom = () => {
      throw new Error('own fault');
    };
    it.each<[string, () => unknown, object]>([
      [
        'inputs that do not fit the model',
        () => pass({ ...good, xs: { data: new Float32Array(6), shape: [2, 3] } }),
        { name: 'BatchError', microStep: 1, message: expect.stringContaining('inputs of shape [2, 3]') as string },
      ],
      [
        'no samples',
        () =>
          pass({ xs: { data: new Float32Array(0), shape: [0, 2] }, ys: { data: new Float32Array(0), shape: [0, 1] } }),
        { name: 'BatchError', message: expect.stringContaining('received none') as string },
      ],
      [
        'another number of labels than samples',
        () => pass({ ...good, ys: { data: new Float32Array(3), shape: [3, 1] } }),
        {
          name: 'BatchError',
          message: expect.stringContaining('received 2 samples and a value of shape [3, 1]') as string,
        },
      ],
      [
        'no labels at all',
        () => pass({ xs: good.xs } as Batch),
        { name: 'BatchError', message: expect.stringContaining('received no ys') as string },
      ],
      [
        'a negative weight',
        () => pass({ ...good, weight: -1 }),
        { name: 'BatchError', message: expect.stringContaining('received -1') as string },
      ],
      [
        'the wrong number of weights',
        () => pass({ ...good, weight: [1] }),
        { name: 'BatchError', message: expect.stringContaining('for each of 2 samples, received 1') as string },
      ],
      [
        'a loss that is neither a scalar nor one value per sample',
        () => pass(good, { loss: squareMatrix }),
        { name: 'LossError', microStep: 1, message: expect.stringContaining('received shape [2, 1]') as string },
      ],
      [
        'a loss that is no tensor',
        () => pass(good, { loss: (() => 3) as never }),
        { name: 'LossError', message: expect.stringContaining('received 3') as string },
      ],
      ['a loss that throws', () => pass(good, { loss: boom }), { name: 'LossError', cause: new Error('own fault') }],
      [
        'a scalar loss where samples are weighed',
        () => pass({ ...good, weight: [1, 2] }, { loss: () => tf.sum(model.w) }),
        { name: 'LossError', message: expect.stringContaining('since the batch weighs each') as string },
      ],
      [
        'a metric that throws',
        () => pass(good, { metrics: { odd: boom } }),
        { name: 'MetricError', metric: 'odd', cause: new Error('own fault') },
      ],
      [
        'a metric of the wrong shape',
        () => pass(good, { metrics: { odd: squareMatrix } }),
        { name: 'MetricError', message: expect.stringContaining('received shape [2, 1]') as string },
      ],
      [
        'labels that the loss refuses',
        () =>
          pass(good, {
            loss: Object.assign((...sides: [tf.Tensor2D, tf.Tensor2D]) => squaredError(...sides), {
              checkLabels: () => 'label 7 is odd',
            }),
          }),
        { name: 'BatchError', message: expect.stringContaining('label 7 is odd') as string },
      ],
      [
        'a loss that no variable has part in',
        () => pass(good, { loss: () => tf.scalar(1) }),
        { name: 'ModelError', variables: [expect.any(String), expect.any(String)] },
      ],
    ])('%s', (_what, run, expected) => {
      let error: unknown;
      try {
        run();
      } catch (thrown) {
        error = thrown;
      }
      expect(error).toMatchObject(expected);
    });
  });

  it('name the variable that has no gradient', () => {
    const unused = tf.tidy(() => tf.variable(tf.scalar(1), true, 'unused'));
    const partly: Model = { variables: [...model.variables, unused], apply: model.apply };
    expect(() => pass(batchOf(samples(1)), { of: partly })).toThrow('it does not on unused');
    unused.dispose();
  });

  it('refuse a model without trainable variables, and a loss that is no function, at once', () => {
    expect(() => forward({ variables: [], apply: () => undefined }, squaredError)).toThrow(ModelError);
    expect(() => forward(model, 'mse' as never)).toThrow(ArgumentError);
  });
});

function squareMatrix(labels: tf.Tensor, predictions: tf.Tensor): tf.Tensor {
  return tf.squaredDifference(labels, predictions);
}
