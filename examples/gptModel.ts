import type * as tfTypes from '@tensorflow/tfjs';
import type { CustomModel } from 'gradstream';

type TF = typeof tfTypes;
type Tensor = tfTypes.Tensor;

/** What a {@link gpt} is built of. */
export interface GptOptions {
  /** How many different tokens there are. */
  readonly vocabulary: number;
  /** How many tokens it sees at once. */
  readonly context: number;
  /** Numbers per token; a multiple of `heads`. */
  readonly width: number;
  readonly heads: number;
  readonly layers: number;
  /** The share of numbers that is dropped in training. */
  readonly dropout: number;
  readonly seed: number;
}

/** A {@link gpt}; `dispose` frees its variables. */
export interface Gpt extends CustomModel {
  dispose(): void;
}

/**
 * A small GPT, written in TensorFlow.js: tokens [batch, length] in, logits of what comes next [batch, length, vocabulary] out.
 *
 * As GPT-2: learned positions, each block normalised before it is added, GELU, and the embedding once more as the last layer.
 */
export function gpt(tf: TF, { vocabulary, context, width, heads, layers, dropout, seed }: GptOptions): Gpt {
  const variables: tfTypes.Variable[] = [];
  const variable = (value: () => Tensor): tfTypes.Variable => {
    const made = tf.tidy(() => tf.variable(value()));
    variables.push(made);
    return made;
  };
  const normal = (shape: number[], deviation: number): tfTypes.Variable =>
    variable(() => tf.randomNormal(shape, 0, deviation, 'float32', seed + variables.length));
  const dense = (from: number, to: number, deviation = from ** -0.5) => {
    const [w, b] = [normal([from, to], deviation), variable(() => tf.zeros([to]))];
    return (x: Tensor): Tensor => {
      const flat = tf.matMul(tf.reshape(x, [-1, from]), w as tfTypes.Tensor2D);
      return tf.reshape(tf.add(flat, b), [...x.shape.slice(0, -1), to]);
    };
  };
  const layerNorm = () => {
    const [scale, offset] = [variable(() => tf.ones([width])), variable(() => tf.zeros([width]))];
    return (x: Tensor): Tensor => {
      const { mean, variance } = tf.moments(x, -1, true);
      return tf.add(tf.mul(tf.mul(tf.sub(x, mean), tf.rsqrt(tf.add(variance, 1e-5))), scale), offset);
    };
  };

  const size = width / heads;
  /** Every token looks at itself and at those before it. */
  const attention = () => {
    const [qkv, out] = [dense(width, 3 * width), dense(width, width, (2 * layers * width) ** -0.5)];
    return (x: Tensor): Tensor => {
      const [batch, length] = x.shape as [number, number];
      const byHead = tf.transpose(tf.reshape(qkv(x), [batch, length, 3, heads, size]), [2, 0, 3, 1, 4]);
      const [q, k, v] = tf.unstack(byHead) as [Tensor, Tensor, Tensor];
      const scores = tf.mul(tf.matMul(q, k, false, true), size ** -0.5);
      const past = tf.linalg.bandPart(tf.ones([length, length]), -1, 0);
      const mixed = tf.matMul(tf.softmax(tf.add(scores, tf.mul(tf.sub(past, 1), 1e9))), v);
      return out(tf.reshape(tf.transpose(mixed, [0, 2, 1, 3]), [batch, length, width]));
    };
  };
  const perceptron = () => {
    const [up, down] = [dense(width, 4 * width), dense(4 * width, width, (8 * layers * width) ** -0.5)];
    return (x: Tensor): Tensor => down(gelu(tf, up(x)));
  };

  const [tokens, positions] = [normal([vocabulary, width], 0.05), normal([context, width], 0.05)];
  const branches = Array.from({ length: layers }, () => [
    { norm: layerNorm(), change: attention() },
    { norm: layerNorm(), change: perceptron() },
  ]).flat();
  const last = layerNorm();

  return {
    variables,
    apply: (xs: Tensor, { training }) => {
      const [batch, length] = xs.shape as [number, number];
      const drop = (x: Tensor): Tensor => (training && dropout > 0 ? tf.dropout(x, dropout) : x);
      let x = drop(tf.add(tf.gather(tokens, tf.cast(xs, 'int32')), tf.slice(positions, [0, 0], [length, width])));
      for (const { norm, change } of branches) x = tf.add(x, drop(change(norm(x))));
      const logits = tf.matMul(tf.reshape(last(x), [-1, width]), tokens as tfTypes.Tensor2D, false, true);
      return tf.reshape(logits, [batch, length, vocabulary]);
    },
    dispose: () => tf.dispose(variables),
  };
}

function gelu(tf: TF, x: Tensor): Tensor {
  const inner = tf.mul(tf.add(x, tf.mul(tf.pow(x, 3), 0.044715)), Math.sqrt(2 / Math.PI));
  return tf.mul(tf.mul(x, 0.5), tf.add(tf.tanh(inner), 1));
}

/** The characters of a text as tokens, and back. */
export interface Alphabet {
  readonly size: number;
  encode(text: string): Int32Array;
  decode(tokens: ArrayLike<number>): string;
}

/** The alphabet of a text: its characters, each once. */
export function alphabetOf(text: string): Alphabet {
  const characters = [...new Set(text)].sort();
  const tokens = new Map(characters.map((character, token) => [character, token]));
  return {
    size: characters.length,
    encode: (written) => Int32Array.from(written, (character) => tokens.get(character)!),
    decode: (read) => Array.from(read, (token) => characters[token]!).join(''),
  };
}

/** Options of {@link continued}. */
export interface ContinueOptions {
  readonly length: number;
  readonly context: number;
  /** Below 1 it keeps to what is likely. */
  readonly temperature: number;
  /** Numbers from 0 to 1. */
  readonly random: () => number;
}

/** Goes on after some tokens, one at a time: each is drawn from what the model holds likely. */
export async function continued(
  tf: TF,
  model: Gpt,
  begin: Int32Array,
  { length, context, temperature, random }: ContinueOptions,
): Promise<number[]> {
  const tokens = [...begin];
  while (tokens.length < begin.length + length) {
    const likely = tf.tidy(() => {
      const seen = tokens.slice(-context);
      const logits = model.apply(tf.tensor2d(seen, [1, seen.length], 'int32'), { training: false }) as Tensor;
      return tf.softmax(tf.div(tf.slice(logits, [0, seen.length - 1, 0], [1, 1, -1]), temperature));
    });
    const shares = await likely.data();
    likely.dispose();
    tokens.push(drawn(shares, random()));
  }
  return tokens;
}

/** The index at which the shares, added up, pass `at`. */
function drawn(shares: ArrayLike<number>, at: number): number {
  let index = 0;
  for (let sum = shares[0]!; sum < at && index < shares.length - 1; sum += shares[++index]!);
  return index;
}
