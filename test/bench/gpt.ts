import type * as tf from '@tensorflow/tfjs';

import type { CustomModel } from '../../src/core/model.js';

export const CONTEXT = 128;
export const VOCABULARY = 65;
const WIDTH = 128;
const HEADS = 4;
const LAYERS = 4;

/**
 * A GPT in plain TensorFlow.js: pre-norm blocks, causal attention, GELU in its tanh form, learned positions, a head of its own, no dropout.
 *
 * Its variables are in the order in which peer_models.py registers them.
 *
 * **Shapes**: tokens `[batch, context]`, int32; logits `[batch, context, vocabulary]`.
 */
export function makeGpt(library: typeof tf): CustomModel & { dispose(): void } {
  const { add, gather, matMul, mul, ones, randomNormal, range, reshape, tanh, tidy, transpose, unstack, variable } =
    library;
  const { div, greater, mean, rsqrt, softmax, square, sub, zeros } = library;
  const variables: tf.Variable[] = [];
  const own = (value: tf.Tensor): tf.Variable => {
    const made = variable(value);
    value.dispose();
    variables.push(made);
    return made;
  };
  let seed = 0;
  const normal = (...shape: number[]) => own(randomNormal(shape, 0, 0.02, 'float32', (seed += 1)));

  const dense = (inputs: number, units: number) => {
    const [kernel, bias] = [normal(inputs, units), own(zeros([units]))];
    return (x: tf.Tensor) => add(matMul(x, kernel), bias);
  };
  const layerNorm = () => {
    const [scale, shift] = [own(ones([WIDTH])), own(zeros([WIDTH]))];
    return (x: tf.Tensor) => {
      const centred = sub(x, mean(x, -1, true));
      const deviation = rsqrt(add(mean(square(centred), -1, true), 1e-5));
      return add(mul(mul(centred, deviation), scale), shift);
    };
  };
  const gelu = (x: tf.Tensor) => {
    const inner = mul(Math.sqrt(2 / Math.PI), add(x, mul(0.044715, mul(x, square(x)))));
    return mul(mul(0.5, x), add(1, tanh(inner)));
  };

  /** Samples and times are one axis but in attention, so that a dense layer is one product of matrices. */
  const attention = () => {
    const [project, out] = [dense(WIDTH, 3 * WIDTH), dense(WIDTH, WIDTH)];
    const size = WIDTH / HEADS;
    return (x: tf.Tensor, future: tf.Tensor) => {
      const split = transpose(reshape(project(x), [-1, CONTEXT, 3, HEADS, size]), [2, 0, 3, 1, 4]);
      const [query, key, value] = unstack(split) as [tf.Tensor, tf.Tensor, tf.Tensor];
      const scores = div(matMul(query, key, false, true), Math.sqrt(size));
      const mixed = matMul(softmax(add(scores, future)), value);
      return out(reshape(transpose(mixed, [0, 2, 1, 3]), [-1, WIDTH]));
    };
  };
  const block = () => {
    const [norm1, attend, norm2] = [layerNorm(), attention(), layerNorm()];
    const [up, down] = [dense(WIDTH, 4 * WIDTH), dense(4 * WIDTH, WIDTH)];
    return (x: tf.Tensor, future: tf.Tensor) => {
      const attended = add(x, attend(norm1(x), future));
      return add(attended, down(gelu(up(norm2(attended)))));
    };
  };

  const [tokenTable, positionTable] = [normal(VOCABULARY, WIDTH), normal(CONTEXT, WIDTH)];
  const blocks = Array.from({ length: LAYERS }, block);
  const last = layerNorm();
  const head = normal(WIDTH, VOCABULARY);

  const apply = (tokens: tf.Tensor): tf.Tensor =>
    tidy(() => {
      const times = range(0, CONTEXT, 1, 'int32');
      const future = mul(library.cast(greater(times, reshape(times, [-1, 1])), 'float32'), -1e9);
      const embedded = add(gather(tokenTable, tokens), gather(positionTable, times));
      let x = reshape(embedded, [-1, WIDTH]);
      for (const each of blocks) x = each(x, future);
      return reshape(matMul(last(x), head), [-1, CONTEXT, VOCABULARY]);
    });
  return { variables, apply, dispose: () => library.dispose(variables) };
}
