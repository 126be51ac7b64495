import * as tf from '@tensorflow/tfjs';
import { lastValueFrom, toArray } from 'rxjs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { engine, useTensorFlow } from '../../../src/engine/engine.js';
import type { Opened } from '../../../src/engine/opened.js';
import { openWebgpu } from '../../../src/engine/webgpu/webgpu.js';
import { adam } from '../../../src/optim/adam.js';
import { train } from '../../../src/trainer/train.js';
import { batchesOf, line, squaredError } from '../../support/line.js';
import { missing } from './driver.js';

describe.skipIf(missing)(`webgpu${missing}`, () => {
  let opened: Opened;
  beforeAll(async () => {
    opened = await openWebgpu();
    useTensorFlow(opened.tf);
  });
  afterAll(async () => {
    opened.close!();
    await engine('cpu');
  });

  it('says what it runs on', () => {
    expect(opened.tf.getBackend()).toBe('webgpu');
    expect(opened.about).toMatch(/swiftshader/i);
  });

  it('trains as cpu does, to rounding, and frees what it made', async () => {
    const run = async () => {
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
        ...(await model.w.data()),
        ...(await model.b.data()),
        ...events.flatMap((event) => (event.type === 'step' ? [event.loss, event.gradientNorm!] : [])),
      ];
      model.dispose();
      return numbers;
    };
    const before = opened.liveHandles!();
    const onGpu = await run();
    expect(opened.liveHandles!()).toBe(before);
    await engine('cpu');
    const onCpu = await run();
    await tf.setBackend('webgpu');
    useTensorFlow(tf);

    expect(onGpu).toHaveLength(3 + 2 * 10);
    onGpu.forEach((value, i) => expect(value).toBeCloseTo(onCpu[i]!, 3));
  });
});
