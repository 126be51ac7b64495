import * as tf from '@tensorflow/tfjs';
import { filter, lastValueFrom, take, toArray } from 'rxjs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { ArgumentError, EngineError } from '../../../src/core/errors.js';
import { engine, useTensorFlow } from '../../../src/engine/engine.js';
import { openNode } from '../../../src/engine/node/node.js';
import type { Opened } from '../../../src/engine/opened.js';
import { softmaxCrossEntropy } from '../../../src/losses/softmaxCrossEntropy.js';
import { adam } from '../../../src/optim/adam.js';
import { train } from '../../../src/trainer/train.js';
import { makeBatches, makeModel } from '../../bench/models.js';
import { batchesOf, line, squaredError } from '../../support/line.js';
import { absent, INSTALLED } from './installed.js';

describe.skipIf(absent)(`node ${INSTALLED}`, () => {
  let node!: Opened;
  let onCpu: number[];

  /** Weights, losses and norms of a run with every stage. */
  const run = async (): Promise<number[]> => {
    const model = line();
    const events = await lastValueFrom(
      train(model, batchesOf([3, 2, 3, 1]), {
        loss: squaredError,
        optimizer: adam({ learningRate: 0.1 }),
        accumulate: 2,
        clipNorm: 1,
        skipNonFinite: true,
        epochs: 5,
      }).pipe(toArray()),
    );
    const numbers = [
      ...model.read(),
      ...events.flatMap((event) => (event.type === 'step' ? [event.loss, event.gradientNorm!] : [])),
    ];
    model.dispose();
    return numbers;
  };

  /** The losses of a conv net's steps on synthetic digits. */
  const digits = async (batches: number, steps = Infinity): Promise<number[]> => {
    const model = makeModel(tf, 'cnn');
    const given = makeBatches('cnn', batches, 16).map(({ xs, ys, shape, size }) => ({
      xs: { data: xs, shape },
      ys: { data: ys, shape: [size, 10] },
    }));
    const events = await lastValueFrom(
      train(model, given, { loss: softmaxCrossEntropy, optimizer: adam({ learningRate: 0.002 }), epochs: 10 }).pipe(
        filter((event) => event.type === 'step'),
        take(steps), // unsubscribes
        toArray(),
      ),
    );
    model.dispose();
    return events.map(({ loss }) => loss);
  };

  beforeAll(async () => {
    await engine('cpu');
    onCpu = await run();
    node = await openNode();
    // Under it TensorFlow.js refuses the binding's fused kernels: they make tensors that the scope around them frees.
    tf.env().set('IS_TEST', false);
    useTensorFlow(node.tf);
  });
  afterAll(async () => {
    tf.env().set('IS_TEST', true);
    await engine('cpu');
  });

  it("computes with gradstream's own copy of TensorFlow.js, and says on what", () => {
    expect(tf.getBackend()).toBe('tensorflow');
    expect(node.tf.Tensor).toBe(tf.Tensor);
    expect(node.about).toMatch(/^TensorFlow 2\.\d+\.\d+, (CPU|GPU)$/);
  });

  it('trains as cpu does, to rounding', async () => {
    const onNode = await run();

    expect(onNode).toHaveLength(3 + 2 * 10);
    onNode.forEach((value, i) => expect(Math.abs(value - onCpu[i]!)).toBeLessThan(1e-4));
  });

  it('trains a conv net, and leaves no handle behind when the run ends', async () => {
    const before = node.liveHandles!();
    const losses = await digits(1);

    expect(losses).toHaveLength(10);
    expect(losses.at(-1)).toBeLessThan(losses[0]! * 0.8);
    expect(node.liveHandles!()).toBe(before);
  });

  it('leaves no handle behind when a run is unsubscribed in the middle', async () => {
    const before = node.liveHandles!();
    await digits(4, 3);
    expect(node.liveHandles!()).toBe(before);
  });

  it('counts handles as TensorFlow does', () => {
    const before = node.liveHandles!();
    const kept = tf.tidy(() => tf.keep(tf.add([1], [1])));
    expect(node.liveHandles!()).toBe(before + 1);
    kept.dispose();
    expect(node.liveHandles!()).toBe(before);
  });

  it('leaves the event loop alive', async () => {
    let ticks = 0;
    const timer = setInterval(() => (ticks += 1), 10);
    const began = performance.now();
    await digits(4);
    clearInterval(timer);
    expect(ticks).toBeGreaterThan((performance.now() - began) / 250);
  });
});

describe('node', () => {
  it('knows two devices', async () => {
    await expect(openNode({ device: 'tpu' as 'cpu' })).rejects.toBeInstanceOf(ArgumentError);
  });

  it('refuses a GPU that is not there, and says what could not be loaded', async () => {
    const error = await openNode({ device: 'gpu' }).then(
      () => undefined, // there is one
      (cause: unknown) => cause,
    );
    if (!error) return expect((tf.backend() as unknown as { isUsingGpuDevice: boolean }).isUsingGpuDevice).toBe(true);

    expect(error).toBeInstanceOf(EngineError);
    expect((error as Error).message).toMatch(/lib\w+\.so|CUDA_ERROR|for the cpu already/);
  });
});
