import * as tf from '@tensorflow/tfjs';
import { expect, it } from 'vitest';

import { broadcastWeights } from '../../src/replicas/broadcastWeights.js';
import { sharedWorld, threads } from '../../src/replicas/threads.js';

it('gives every replica the variables of rank 0, of whatever type, and leaves those as they are', async () => {
  const shared = sharedWorld(3);
  const makeModel = (rank: number) => ({
    variables: tf.tidy(() => [
      tf.variable(tf.tensor2d([[0.5 + rank, 1.5 * rank]])),
      tf.variable(tf.tensor1d([1 - rank, 70_000 * rank], 'int32'), false),
      tf.variable(tf.tensor1d([rank > 0, rank === 0], 'bool'), false),
      tf.variable(tf.scalar(rank), false),
    ]),
    apply: (xs: tf.Tensor) => xs,
  });
  const models = [0, 1, 2].map(makeModel);
  await Promise.all(models.map((model, rank) => broadcastWeights(threads(shared, rank), model)));
  for (const { variables } of models) {
    expect(variables.map((variable) => variable.arraySync())).toEqual([[[0.5, 0]], [1, 0], [0, 1], 0]);
    expect(variables.map(({ dtype }) => dtype)).toEqual(['float32', 'int32', 'bool', 'float32']);
  }
  tf.dispose(models.map(({ variables }) => variables));
});
