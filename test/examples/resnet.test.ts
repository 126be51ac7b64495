import * as tf from '@tensorflow/tfjs';
import { filter, lastValueFrom, toArray } from 'rxjs';
import { describe, expect, it } from 'vitest';

import { resnet } from '../../examples/resnetModel.js';
import { sparseSoftmaxCrossEntropy } from '../../src/losses/sparseSoftmaxCrossEntropy.js';
import { adam } from '../../src/optim/adam.js';
import { train } from '../../src/trainer/train.js';

const small = { side: 6, classes: 3, widths: [2, 4], blocks: 2, seed: 1 };

describe('the ResNet example', () => {
  it('has a stage for each width, which halves the picture, and a shortcut for each block', () => {
    const model = resnet(tf, small);
    const of = (name: string) => model.layers.filter((layer) => layer.getClassName() === name);
    const sizes = of('Conv2D').map(({ output }) => (output as tf.SymbolicTensor).shape.slice(1));

    expect(of('Add')).toHaveLength(4);
    expect(of('BatchNormalization')).toHaveLength(10);
    expect(sizes.at(0)).toStrictEqual([3, 3, 2]);
    expect(sizes.at(-1)).toStrictEqual([2, 2, 4]);
    model.dispose();
  });

  it('learns, and its norms follow the data', async () => {
    const model = resnet(tf, { ...small, blocks: 1 });
    const batch = {
      xs: { data: Float32Array.from({ length: 6 * 36 }, (_, i) => Math.sin(i * i)), shape: [6, 36] },
      ys: { data: Int32Array.of(0, 1, 2, 0, 1, 2), shape: [6] },
    };
    const steps = await lastValueFrom(
      train(model, () => [batch], {
        loss: sparseSoftmaxCrossEntropy,
        optimizer: adam({ learningRate: 0.03 }),
        steps: 25,
      }).pipe(
        filter((event) => event.type === 'step'),
        toArray(),
      ),
    );
    const moving = model.weights.filter(({ name }) => name.includes('moving_variance'));

    expect(steps.at(-1)!.loss).toBeLessThan(0.3 * steps[0]!.loss);
    expect(moving).toHaveLength(6);
    moving.forEach((variance) => expect(variance.read().dataSync()[0]).not.toBeCloseTo(1, 2));
    model.dispose();
  });
});
