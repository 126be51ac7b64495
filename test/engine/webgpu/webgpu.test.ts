import * as tf from '@tensorflow/tfjs';
import { filter, lastValueFrom, map, toArray } from 'rxjs';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';

import type { Batch } from '../../../src/core/batch.js';
import { engine, useTensorFlow } from '../../../src/engine/engine.js';
import type { Opened } from '../../../src/engine/opened.js';
import { openWebgpu } from '../../../src/engine/webgpu/webgpu.js';
import { sparseSoftmaxCrossEntropy } from '../../../src/losses/sparseSoftmaxCrossEntropy.js';
import { adam } from '../../../src/optim/adam.js';
import { train } from '../../../src/trainer/train.js';
import { onlyInCi } from '../../support/inCi.js';
import { batchesOf, line, squaredError } from '../../support/line.js';
import { missing } from './driver.js';

interface Device {
  createBuffer(given: object): unknown;
  destroy(): void;
}

const passed = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
const device = (): Device => (tf.backend() as tf.KernelBackend & { device: Device }).device;
const used = () => {
  const { numTensors, numBytesInGPU } = tf.memory() as tf.MemoryInfo & { numBytesInGPU: number };
  return { numTensors, numBytesInGPU, handles: tf.backend().numDataIds() };
};

describe.skipIf(missing)(`webgpu${missing}`, () => {
  let opened!: Opened;
  const open = async (): Promise<void> => {
    opened = await openWebgpu();
    useTensorFlow(opened.tf);
  };
  beforeAll(open);
  afterAll(async () => {
    (opened as Opened | undefined)?.close!();
    await engine('cpu');
  });

  const options = { loss: squaredError, optimizer: adam({ learningRate: 0.1 }), accumulate: 2 };

  it('says what it runs on', () => {
    expect(opened.tf.getBackend()).toBe('webgpu');
    expect(opened.about).toMatch(/^google swiftshader, SwiftShader driver [\d.]+, software, slow$/);
  });

  it('trains as cpu does, to rounding, and gives back what it took', async () => {
    const run = async (): Promise<number[]> => {
      const model = line();
      const run$ = train(model, batchesOf([3, 2, 3, 1]), { ...options, clipNorm: 1, skipNonFinite: true, epochs: 5 });
      const events = await lastValueFrom(run$.pipe(toArray()));
      const weights = await Promise.all(model.variables.map((variable) => variable.data()));
      model.dispose();
      return [
        ...weights.flatMap((values) => [...values]),
        ...events.flatMap((event) => (event.type === 'step' ? [event.loss, event.gradientNorm!] : [])),
      ];
    };
    const before = used();
    const onGpu = await run();
    expect(used()).toStrictEqual(before);

    await engine('cpu');
    const onCpu = await run();
    await open();

    expect(onGpu).toHaveLength(3 + 2 * 10);
    onGpu.forEach((value, i) => expect(value).toBeCloseTo(onCpu[i]!, 4));
  });

  it('leaves no tensor when a run is unsubscribed, reads in flight or not', async () => {
    const backend = tf.backend();
    const read = backend.read.bind(backend);
    let reading = 0;
    backend.read = async (id) => {
      reading += 1;
      return read(id).finally(() => (reading -= 1));
    };
    const before = used();
    const seen: number[] = [];
    for (const ms of [0, 1, 2, 3, 5, 8, 13, 21, 34, 55]) {
      const model = line();
      const run = train(model, () => batchesOf([2, 1, 2]), { ...options, steps: 100 }).subscribe();
      await passed(ms);
      run.unsubscribe();
      seen.push(reading);
      await passed(50);
      model.dispose();
      expect(tf.memory().numTensors, `after ${ms} ms`).toBe(before.numTensors);
    }
    backend.read = read;

    // On a busy machine the device gives back what was being read a little later.
    await vi.waitFor(() => expect(used()).toStrictEqual(before), 5000);
    expect(Math.max(...seen), 'unsubscribed during a read').toBeGreaterThan(0);
  });

  it.skipIf(onlyInCi)(`trains a small conv net${onlyInCi}`, async () => {
    const before = used();
    const seeded = (seed: number) => ({ kernelInitializer: tf.initializers.glorotUniform({ seed }) });
    const model = tf.sequential({
      layers: [
        tf.layers.conv2d({ filters: 4, kernelSize: 3, activation: 'relu', inputShape: [8, 8, 1], ...seeded(1) }),
        tf.layers.maxPooling2d({ poolSize: 2 }),
        tf.layers.flatten(),
        tf.layers.dense({ units: 2, ...seeded(2) }),
      ],
    });
    const losses = await lastValueFrom(
      train(model, stripes, {
        loss: sparseSoftmaxCrossEntropy,
        optimizer: adam({ learningRate: 0.05 }),
        steps: 16,
      }).pipe(
        filter((event) => event.type === 'step'),
        map(({ loss }) => loss),
        toArray(),
      ),
    );
    model.dispose();

    expect(losses.at(-1)).toBeLessThan(0.3 * losses[0]!);
    expect(used()).toStrictEqual(before);
  });

  const addUp = async (): Promise<number> => {
    const sum = tf.tidy(() => tf.sum(tf.ones([2000])));
    const [value] = await sum.data().finally(() => sum.dispose());
    return value!;
  };

  it('fails the next read when the device has refused an operation', async () => {
    device().createBuffer({ size: 16, usage: 0xffff });
    await passed(20);
    await expect(addUp()).rejects.toThrow(/^webgpu: the device refused an operation: .*65535/);
    expect(await addUp()).toBe(2000);
  });

  it('errors when the device is lost in the middle of a run, and can be opened again', async () => {
    const model = line();
    const run = lastValueFrom(train(model, () => batchesOf([2, 1, 2]), { ...options, steps: 1000 }));
    await passed(30);
    device().destroy();

    await expect(run).rejects.toThrow('webgpu: the device was lost: ');
    model.dispose();
    opened.close!();
    await open();
    expect(await addUp()).toBe(2000);
  });
});

/** Eight pictures of 8 × 8, striped across or down, told apart by their label. */
function stripes(): Batch[] {
  const at = (i: number): number => {
    const [picture, y, x] = [Math.floor(i / 64), Math.floor((i % 64) / 8), i % 8];
    return (picture % 2 ? x : y) % 2;
  };
  return [
    {
      xs: { data: Float32Array.from({ length: 8 * 64 }, (_, i) => at(i)), shape: [8, 8, 8, 1] },
      ys: { data: Int32Array.from({ length: 8 }, (_, i) => i % 2), shape: [8] },
    },
  ];
}
