import type * as tfTypes from '@tensorflow/tfjs';

type TF = typeof tfTypes;
type Symbolic = tfTypes.SymbolicTensor;

/** What a {@link resnet} is built of. */
export interface ResnetOptions {
  /** Pixels along each side; inputs are flat. */
  readonly side: number;
  readonly classes: number;
  /** Channels of each stage; a stage after the first halves the picture. */
  readonly widths: readonly number[];
  /** Blocks in each stage. */
  readonly blocks: number;
  readonly seed: number;
}

/** A small ResNet on grey pictures: blocks of two convolutions with batch norm, whose input is added to their output. */
export function resnet(tf: TF, { side, classes, widths, blocks, seed }: ResnetOptions): tfTypes.LayersModel {
  let layers = 0;
  const initializer = () => tf.initializers.heNormal({ seed: seed + layers++ });
  const convolution = (x: Symbolic, filters: number, kernelSize: number, strides = 1): Symbolic => {
    const layer = { filters, kernelSize, strides, padding: 'same', useBias: false } as const; // the norm has a bias
    return tf.layers.conv2d({ ...layer, kernelInitializer: initializer() }).apply(x) as Symbolic;
  };
  const norm = (x: Symbolic): Symbolic => tf.layers.batchNormalization({ momentum: 0.9 }).apply(x) as Symbolic;
  const relu = (x: Symbolic): Symbolic => tf.layers.reLU().apply(x) as Symbolic;

  const block = (x: Symbolic, width: number, strides: number): Symbolic => {
    const inner = relu(norm(convolution(x, width, 3, strides)));
    const change = norm(convolution(inner, width, 3));
    const same = strides === 1 && x.shape.at(-1) === width;
    const shortcut = same ? x : norm(convolution(x, width, 1, strides));
    return relu(tf.layers.add().apply([change, shortcut]) as Symbolic);
  };

  const input = tf.input({ shape: [side * side] });
  const picture = tf.layers.reshape({ targetShape: [side, side, 1] }).apply(input) as Symbolic;
  let x = relu(norm(convolution(picture, widths[0]!, 3, 2)));
  for (const [stage, width] of widths.entries()) {
    for (let i = 0; i < blocks; i++) x = block(x, width, stage > 0 && i === 0 ? 2 : 1);
  }
  const pooled = tf.layers.globalAveragePooling2d({}).apply(x) as Symbolic;
  const logits = tf.layers.dense({ units: classes, kernelInitializer: initializer() }).apply(pooled) as Symbolic;
  return tf.model({ inputs: input, outputs: logits });
}
