import type * as tfTypes from '@tensorflow/tfjs';

type TF = typeof tfTypes;

/** Something that training computes: a scalar of a few parameters, whose gradients every engine must agree on. */
export interface GradientCase {
  readonly shapes: readonly (readonly number[])[];
  readonly loss: (tf: TF, ...parameters: tfTypes.Tensor[]) => tfTypes.Tensor;
}

const image = [2, 6, 6, 3];
const of = (tf: TF, ...values: number[]) => tf.tensor1d(values, 'int32');
const t4 = (x: tfTypes.Tensor) => x as tfTypes.Tensor4D;
const t3 = (x: tfTypes.Tensor) => x as tfTypes.Tensor3D;

/** Every kernel that training needs, by what it is used for. */
export const cases: Readonly<Record<string, GradientCase>> = {
  dense: { shapes: [[4, 3], [3, 5], [5]], loss: (tf, x, w, b) => tf.tanh(tf.add(tf.matMul(x!, w!), b!)) },
  'batched product, transposed': {
    shapes: [
      [2, 3, 4],
      [2, 5, 4],
    ],
    loss: (tf, a, b) => tf.matMul(a!, b!, false, true),
  },
  'conv2d, stride 1, same': { shapes: [image, [3, 3, 3, 4]], loss: (tf, x, w) => tf.conv2d(t4(x!), t4(w!), 1, 'same') },
  'conv2d, stride 2, valid': {
    shapes: [image, [3, 3, 3, 4]],
    loss: (tf, x, w) => tf.conv2d(t4(x!), t4(w!), 2, 'valid'),
  },
  'conv2d, stride [2, 1], same': {
    shapes: [image, [3, 2, 3, 4]],
    loss: (tf, x, w) => tf.conv2d(t4(x!), t4(w!), [2, 1], 'same'),
  },
  conv1d: {
    shapes: [
      [2, 7, 3],
      [3, 3, 4],
    ],
    loss: (tf, x, w) => tf.conv1d(t3(x!), t3(w!), 1, 'same'),
  },
  'depthwise conv': {
    shapes: [image, [3, 3, 3, 2]],
    loss: (tf, x, w) => tf.depthwiseConv2d(t4(x!), t4(w!), 1, 'same'),
  },
  'separable conv': {
    shapes: [image, [3, 3, 3, 2], [1, 1, 6, 4]],
    loss: (tf, x, d, p) => tf.separableConv2d(t4(x!), t4(d!), t4(p!), 1, 'same'),
  },
  'transposed conv': {
    shapes: [
      [2, 3, 3, 4],
      [3, 3, 2, 4],
    ],
    loss: (tf, x, w) => tf.conv2dTranspose(t4(x!), t4(w!), [2, 6, 6, 2], 2, 'same'),
  },
  'max pooling': { shapes: [image], loss: (tf, x) => tf.maxPool(t4(x!), 2, 2, 'same') },
  // Not 'same': TensorFlow.js divides by the padding in the gradient, and not in the value.
  'average pooling': { shapes: [image], loss: (tf, x) => tf.avgPool(t4(x!), 3, 2, 'valid') },
  'embedding (gather)': { shapes: [[5, 3]], loss: (tf, e) => tf.gather(e!, of(tf, 4, 0, 4, 2)) },
  'layer norm': {
    shapes: [[3, 4], [4], [4]],
    loss: (tf, x, g, b) => {
      const { mean, variance } = tf.moments(x!, -1, true);
      return tf.add(tf.mul(tf.div(tf.sub(x!, mean), tf.sqrt(tf.add(variance, 1e-3))), g!), b!);
    },
  },
  'batch norm': {
    shapes: [[6, 4], [4], [4]],
    loss: (tf, x, g, b) => {
      const { mean, variance } = tf.moments(x!, 0);
      return tf.batchNorm(
        x!,
        mean as tfTypes.Tensor1D,
        variance as tfTypes.Tensor1D,
        b as tfTypes.Tensor1D,
        g as tfTypes.Tensor1D,
        1e-3,
      );
    },
  },
  attention: {
    shapes: [
      [2, 3, 4],
      [2, 3, 4],
      [2, 3, 4],
    ],
    loss: (tf, q, k, v) => tf.matMul(tf.softmax(tf.div(tf.matMul(q!, k!, false, true), 2)), v!),
  },
  'one LSTM step': {
    shapes: [[2, 3], [2, 4], [2, 4], [7, 16], [16]],
    loss: (tf, x, c, h, kernel, bias) =>
      tf.concat(
        tf.basicLSTMCell(
          tf.scalar(1),
          kernel as tfTypes.Tensor2D,
          bias as tfTypes.Tensor1D,
          x as tfTypes.Tensor2D,
          c as tfTypes.Tensor2D,
          h as tfTypes.Tensor2D,
        ),
      ),
  },
  'pad, slice, concat, stack, transpose': {
    shapes: [
      [2, 3],
      [2, 3],
    ],
    loss: (tf, a, b) =>
      tf.concat(
        [
          tf.pad(a!, [
            [1, 0],
            [0, 1],
          ]),
          tf.transpose(tf.slice(tf.stack([a!, b!], 1), [0, 0, 1], [2, 2, 2]), [2, 0, 1]).reshape([2, 4]),
        ],
        0,
      ),
  },
  'where, minimum, clip': {
    shapes: [
      [3, 4],
      [3, 4],
    ],
    loss: (tf, a, b) =>
      tf.where(
        tf.tensor2d(
          [
            [1, 0, 0, 1],
            [0, 1, 0, 0],
            [1, 1, 0, 1],
          ],
          [3, 4],
          'bool',
        ),
        tf.minimum(a!, b!),
        tf.clipByValue(b!, -0.5, 0.5),
      ),
  },
  'activations: sigmoid, elu, selu, softplus, leaky relu, swish': {
    shapes: [[3, 5]],
    loss: (tf, x) =>
      tf.addN([
        tf.sigmoid(x!),
        tf.elu(x!),
        tf.selu(x!),
        tf.softplus(x!),
        tf.leakyRelu(x!, 0.1),
        tf.mul(x!, tf.sigmoid(x!)),
        tf.erf(x!),
      ]),
  },
  'reductions: mean, max, log-sum-exp, cumulative sum, norm': {
    shapes: [[3, 5]],
    loss: (tf, x) =>
      tf.concat([
        tf.mean(x!, 1),
        tf.max(x!, 1),
        tf.logSumExp(x!, 1),
        tf.sum(tf.cumsum(x!, 1), 1),
        tf.reshape(tf.norm(x!), [1]),
      ]),
  },
};

/** Parameters made by a formula: away from each other, so that no maximum is a tie, and from 0, where relu has a corner. */
export function parametersOf({ shapes }: GradientCase): number[][] {
  return shapes.map((shape, which) => {
    const size = shape.reduce((a, b) => a * b, 1);
    return Array.from({ length: size }, (_, i) => Math.sin((i + 1) * (1.7 + 0.31 * which)) * 0.9 + 0.05);
  });
}

/** The loss that is differentiated: a weighted sum of what the case gives, so that no gradient cancels. */
function scalarOf(tf: TF, values: tfTypes.Tensor): tfTypes.Scalar {
  const weights = tf.tensor(
    Array.from({ length: values.size }, (_, i) => Math.cos(i * 0.77) + 1.3),
    values.shape,
  );
  return tf.sum(tf.mul(values, weights));
}

/** The case's gradients for all parameters, one after the other. */
export async function gradientsOn(tf: TF, given: GradientCase): Promise<number[]> {
  const parameters = parametersOf(given).map((values, i) => tf.tensor(values, [...given.shapes[i]!]));
  const gradients = tf.tidy(() => tf.grads((...p: tfTypes.Tensor[]) => scalarOf(tf, given.loss(tf, ...p)))(parameters));
  const numbers = await Promise.all(gradients.map((gradient) => gradient.data()));
  tf.dispose([parameters, gradients]);
  return numbers.flatMap((values) => [...values]);
}

/** The case's scalar where one parameter is moved by a little. */
export function lossAt(tf: TF, given: GradientCase, which: number, by: number): number {
  return tf.tidy(() => {
    let at = 0;
    const parameters = parametersOf(given).map((values, i) => {
      const moved = values.map((value) => (at++ === which ? value + by : value));
      return tf.tensor(moved, [...given.shapes[i]!]);
    });
    return scalarOf(tf, given.loss(tf, ...parameters)).dataSync()[0]!;
  });
}
