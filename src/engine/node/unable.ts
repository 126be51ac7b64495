import type * as tf from '@tensorflow/tfjs';

import type { Call, Unable } from '../onCpu.js';
import { paddingOf } from './padded.js';
import { poolInfo } from './poolInfo.js';

const of =
  (dtype: tf.DataType) =>
  ({ inputs }: Call): boolean =>
    Object.values(inputs).some((x) => x!.dtype === dtype);

/** What native TensorFlow, by the binding's kernels, refuses or does otherwise. */
const UNABLE: Readonly<Record<string, (call: Call, library: typeof tf) => boolean>> = {
  AvgPool: isOddPool,
  AvgPoolGrad: isOddPool,
  AvgPool3D: isOddPool3D,
  AvgPool3DGrad: isOddPool3D,
  MaxPool3D: isOddPool3D,
  MaxPool3DGrad: isOddPool3D,
  Diag: of('bool'),
  Einsum: namesNothing,
  Greater: of('string'),
  GreaterEqual: of('string'),
  Less: of('string'),
  LessEqual: of('string'),
  LeakyRelu: of('int32'),
  Round: of('int32'),
  Step: of('int32'),
  Unique: of('float32'), // to TensorFlow each NaN is another
};

/** What native TensorFlow is to pass on to JavaScript; training does not meet it. */
export const unable: Unable = (kernelName) => UNABLE[kernelName];

/** TensorFlow averages with padding by name only, and over something. */
function isOddPool({ inputs, attrs }: Call, library: typeof tf): boolean {
  const info = poolInfo(library, inputs['x'] ?? inputs['input']!, attrs as unknown as tf.AvgPoolAttrs);
  return paddingOf(info, inputs['dy']) !== 'named';
}

function isOddPool3D({ inputs, attrs }: Call, { backend_util }: typeof tf): boolean {
  const { filterSize, strides, pad, dimRoundingMode } = attrs as unknown as tf.MaxPool3DAttrs;
  const shape = (inputs['x'] ?? inputs['input'])!.shape as [number, number, number, number, number];
  const { padInfo, outShape } = backend_util.computePool3DInfo(shape, filterSize, strides, 1, pad, dimRoundingMode);
  return padInfo.type === 'NUMBER' || outShape.includes(0) || !!dimRoundingMode;
}

/** TensorFlow makes something up for a letter of the result that no input has. */
function namesNothing({ attrs }: Call): boolean {
  const [from = '', to = ''] = (attrs!['equation'] as string).split('->');
  return (to.match(/\S/g) ?? []).some((letter) => !from.includes(letter));
}
