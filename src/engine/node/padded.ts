import type * as tf from '@tensorflow/tfjs';

import { needed, type Margin } from '../margins.js';
import { onCpu } from '../onCpu.js';
import { registerWrapped, type NativeCall } from './native.js';

type Info = tf.backend_util.Conv2DInfo;
type Margins = readonly [rows: Margin, columns: Margin];

/** What a kernel is computed of where the padding has no name. */
export interface Padded<Inputs, Attrs> {
  readonly call: NativeCall<Inputs, Attrs>;
  readonly info: Info;
  readonly margins: Margins;
  /** The attributes that all of TensorFlow's operations with windows have. */
  readonly attributes: Readonly<Record<string, number | string | readonly number[]>>;
  shipped(this: void, call: NativeCall<Inputs, Attrs>): tf.Tensor;
}

/**
 * Makes a kernel with windows take padding by numbers.
 *
 * The shipped kernels know it by name, 'same' and 'valid'. What `describe` and `compute` give nothing for is computed on
 * the cpu engine, and so is what no padding gives as many windows for as TensorFlow.js counts.
 */
export function registerPadded<Inputs extends object, Attrs>(
  library: typeof tf,
  kernelName: string,
  describe: (call: NativeCall<Inputs, Attrs>) => Info | undefined,
  compute: (padded: Padded<Inputs, Attrs>) => tf.TensorInfo | undefined,
): void {
  registerWrapped<Inputs, Attrs>(library, kernelName, (call, shipped) => {
    const info = describe(call);
    library.util.assert(
      !info?.outShape.some((length) => length < 0),
      () => `${kernelName}: the image is too small for windows of ${info!.filterHeight}×${info!.filterWidth}`,
    );
    const margins = info && paddingOf(info, (call.inputs as { dy?: tf.TensorInfo }).dy);
    if (margins === 'named') return shipped(call);
    const attributes = margins && {
      T: call.backend.binding.TF_FLOAT,
      strides: [1, info.strideHeight, info.strideWidth, 1],
      padding: 'EXPLICIT',
      explicit_paddings: [0, 0, ...margins.flat(), 0, 0],
      data_format: 'NHWC',
    };
    const result = attributes && compute({ call, info, margins, attributes, shipped });
    return result ?? onCpu(library, kernelName, call as never);
  });
}

/** How TensorFlow is told the padding: by its name, by numbers, or not at all. */
export function paddingOf(info: Info, dy?: tf.TensorInfo): 'named' | Margins | undefined {
  const { outShape, padInfo } = info;
  if (outShape.includes(0) || (dy && dy.shape.some((length, axis) => length !== outShape[axis]))) return undefined;
  if (padInfo.type === 'SAME') return 'named';
  // What no window reaches is left out.
  const [rows, columns] = needed(info).map(([before, after]) => [before, Math.max(0, after)] as const) as [
    Margin,
    Margin,
  ];
  const fits =
    isFilled(info.inHeight, rows, info.effectiveFilterHeight, info.strideHeight, info.outHeight) &&
    isFilled(info.inWidth, columns, info.effectiveFilterWidth, info.strideWidth, info.outWidth);
  if (!fits) return undefined;
  return padInfo.type === 'VALID' && rows[1] === 0 && columns[1] === 0 ? 'named' : [rows, columns];
}

/** Whether there are so many windows, and none of nothing but padding. */
function isFilled(size: number, margin: Margin, filter: number, stride: number, windows: number): boolean {
  const [before, after] = margin;
  return Math.floor((size + before + after - filter) / stride) + 1 === windows && before < filter && after < filter;
}
