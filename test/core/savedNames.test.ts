import * as tf from '@tensorflow/tfjs';
import { describe, expect, it } from 'vitest';

import { savedNames } from '../../src/core/savedNames.js';
import { weightsOf } from '../../src/core/weights.js';

const dense = (units: number, more: object = {}) => tf.layers.dense({ units, ...more });

describe('savedNames', () => {
  it('is the same for the same model, whatever else the process has made', () => {
    const build = () => [
      tf.sequential({
        layers: [
          tf.layers.embedding({ inputDim: 5, outputDim: 3, inputLength: 4 }),
          tf.layers.bidirectional({ layer: tf.layers.lstm({ units: 2 }) as tf.RNN, mergeMode: 'concat' }),
          tf.layers.batchNormalization(),
          dense(2),
          dense(2, { name: 'head' }),
          dense(1),
        ],
      }),
    ];
    const [first, other, second] = [build(), [dense(1), dense(2)], build()];
    expect(other).toHaveLength(2);
    const [names] = [first, second].map(([model]) => savedNames(model!));
    expect(savedNames(second[0]!)).toStrictEqual(names);
    expect(names).toStrictEqual([
      'embedding_Embedding1/embeddings',
      ...['forward', 'backward'].flatMap((way) =>
        ['kernel', 'recurrent_kernel', 'bias'].map((name) => `bidirectional_Bidirectional1/${way}_lstm_LSTM1/${name}`),
      ),
      'batch_normalization_BatchNormalization1/gamma',
      'batch_normalization_BatchNormalization1/beta',
      'dense_Dense1/kernel',
      'dense_Dense1/bias',
      'head/kernel',
      'head/bias',
      'dense_Dense2/kernel',
      'dense_Dense2/bias',
      'batch_normalization_BatchNormalization1/moving_mean',
      'batch_normalization_BatchNormalization1/moving_variance',
    ]);
    [...first, ...second].forEach((model) => model.dispose());
  });

  it('keeps the names that variables were given, and counts those without', () => {
    tf.tidy(() => {
      const variables = ['w', undefined, 'block_7/w', undefined].map((name) => tf.variable(tf.scalar(1), true, name));
      const model = { variables, apply: () => tf.scalar(0) };
      expect(savedNames(model)).toStrictEqual(['w', 'variable_1', 'block_7/w', 'variable_2']);
      tf.dispose(variables);
    });
  });

  it('tells layers of the same name in nested models apart', () => {
    const inner = tf.sequential({ name: 'inner', layers: [dense(2, { name: 'same', inputShape: [2] })] });
    const model = tf.sequential({ layers: [inner, dense(1, { name: 'same' })] });
    expect(savedNames(model)).toStrictEqual(['same/kernel', 'same/bias', 'same/kernel_1', 'same/bias_1']);
    model.dispose();
  });

  it('stays as it is when layers are frozen, and names the trainable variables alike', () => {
    const model = tf.sequential({ layers: [dense(2, { inputShape: [2] }), dense(1)] });
    const names = savedNames(model).sort();
    model.layers[0]!.trainable = false; // which moves its weights to the end
    expect(weightsOf(model).slots.map(({ name }) => name)).toStrictEqual(['dense_Dense2/kernel', 'dense_Dense2/bias']);
    expect(savedNames(model).sort()).toStrictEqual(names);
    model.dispose();
  });
});
