import * as tf from '@tensorflow/tfjs';
import { filter, lastValueFrom, toArray } from 'rxjs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { alphabetOf, continued, gpt, type Gpt } from '../../examples/gptModel.js';
import { sonnets } from '../../examples/gptText.js';
import { seededRandom } from '../../src/data/random.js';
import { sparseSoftmaxCrossEntropy } from '../../src/losses/sparseSoftmaxCrossEntropy.js';
import { adam } from '../../src/optim/adam.js';
import { train } from '../../src/trainer/train.js';

const CONTEXT = 6;
const small = { vocabulary: 4, context: CONTEXT, width: 8, heads: 2, layers: 2, dropout: 0.5, seed: 1 };

describe('the GPT example', () => {
  let model: Gpt;
  beforeEach(() => void (model = gpt(tf, small)));
  afterEach(() => model.dispose());

  const logitsOf = (tokens: number[], training = false): number[][] =>
    tf.tidy(() => {
      const xs = tf.tensor2d([tokens], [1, tokens.length], 'int32');
      return (model.apply(xs, { training }) as tf.Tensor3D).arraySync()[0]!;
    });

  it('says for each place what comes next, from what stands before it', () => {
    const [one, other] = [logitsOf([0, 1, 2, 3, 0, 1]), logitsOf([0, 1, 2, 1, 3, 0])];

    expect(one.map((logits) => logits.length)).toStrictEqual(Array(CONTEXT).fill(small.vocabulary));
    expect(other.slice(0, 3)).toStrictEqual(one.slice(0, 3));
    other.slice(3).forEach((logits, i) => expect(logits).not.toStrictEqual(one[i + 3]));
  });

  it('sees the order of what stands before', () => {
    expect(logitsOf([0, 1, 2]).at(-1)).not.toStrictEqual(logitsOf([1, 0, 2]).at(-1));
  });

  it('drops numbers in training only', () => {
    const tokens = [0, 1, 2, 3];
    expect(logitsOf(tokens)).toStrictEqual(logitsOf(tokens));
    expect(logitsOf(tokens, true)).not.toStrictEqual(logitsOf(tokens));
  });

  it('begins by guessing, learns to count, and goes on counting', async () => {
    const own = gpt(tf, { ...small, dropout: 0 });
    const counted = (from: number) => Array.from({ length: CONTEXT }, (_, i) => (from + i) % 4);
    const shaped = (rows: number[][]) => ({ data: Int32Array.from(rows.flat()), shape: [rows.length, CONTEXT] });
    const starts = [0, 1, 2, 3];
    const batch = { xs: shaped(starts.map(counted)), ys: shaped(starts.map((start) => counted(start + 1))) };
    const steps = await lastValueFrom(
      train(own, () => [batch], {
        loss: sparseSoftmaxCrossEntropy,
        optimizer: adam({ learningRate: 0.02 }),
        steps: 40,
      }).pipe(
        filter((event) => event.type === 'step'),
        toArray(),
      ),
    );
    expect(steps[0]!.loss).toBeCloseTo(Math.log(4), 0);
    expect(steps.at(-1)!.loss).toBeLessThan(0.2);

    const random = seededRandom(1);
    const options = { length: 8, context: CONTEXT, temperature: 0.1, random: () => random.nextFloat() };
    expect(await continued(tf, own, Int32Array.of(2, 3), options)).toStrictEqual([2, 3, 0, 1, 2, 3, 0, 1, 2, 3]);
    own.dispose();
  });

  it('reads and writes its sonnets', () => {
    const alphabet = alphabetOf(sonnets);
    const tokens = alphabet.encode(sonnets);

    expect(alphabet.decode(tokens)).toBe(sonnets);
    expect(alphabet.size).toBe(new Set(tokens).size);
    expect(
      sonnets
        .trim()
        .split('\n\n')
        .map((sonnet) => sonnet.split('\n').length),
    ).toStrictEqual(Array(8).fill(14));
  });
});
