import * as tf from '@tensorflow/tfjs';
import { describe, expect, it, vi } from 'vitest';

import { randomOf, type Random } from '../../../src/engine/compile/random.js';
import { engine } from '../../../src/engine/engine.js';

/** What TensorFlow.js draws, with the numbers that it took from the host for it. */
async function drawn(draw: () => tf.Tensor): Promise<{ values: Float32Array; seeds: number[] }> {
  await engine('cpu');
  const seeds: number[] = [];
  const spy = vi.spyOn(Math, 'random').mockImplementation(() => {
    seeds.push(0.123 + seeds.length / 10);
    return seeds.at(-1)!;
  });
  const tensor = draw();
  spy.mockRestore();
  const values = tensor.dataSync<'float32'>();
  tensor.dispose();
  return { values, seeds };
}

describe('randomOf', () => {
  it.each<[string, () => tf.Tensor, Random]>([
    ['uniform', () => tf.randomUniform([40]), { op: 'StatelessRandomUniform', scale: 1, offset: 0 }],
    [
      'uniform between bounds',
      () => tf.randomUniform([40], -2, 3),
      { op: 'StatelessRandomUniform', scale: 5, offset: -2 },
    ],
    ['normal', () => tf.randomNormal([41], 2, 0.5), { op: 'StatelessRandomNormal', scale: 0.5, offset: 2 }],
    [
      'truncated normal',
      () => tf.truncatedNormal([200], -1, 3),
      { op: 'StatelessTruncatedNormal', scale: 3, offset: -1 },
    ],
    ['of one number', () => tf.randomUniform([1]), { op: 'StatelessRandomUniform', scale: 1, offset: 0 }],
  ])('knows numbers that are %s', async (_, draw, expected) => {
    const { values, seeds } = await drawn(draw);
    expect(randomOf(values, seeds)).toEqual(expected);
  });

  it('finds the seed among those of other tensors', async () => {
    const { values, seeds } = await drawn(() => tf.tidy(() => (tf.randomNormal([4]), tf.randomUniform([9], 0, 7))));
    expect(randomOf(values, seeds)).toMatchObject({ op: 'StatelessRandomUniform', scale: 7 });
  });

  it('does not know what follows no distribution, nor what was drawn with another seed', async () => {
    const { values, seeds } = await drawn(() => tf.randomUniform([30]));
    expect(randomOf(values, [0.5])).toBeUndefined();
    expect(randomOf(values.map((value, i) => (i === 20 ? value + 0.01 : value)), seeds)).toBeUndefined(); // prettier-ignore
    expect(randomOf(new Float32Array(5).fill(3), seeds)).toBeUndefined();
  });
});
