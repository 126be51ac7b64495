import type * as tf from '@tensorflow/tfjs';

import { registerComposed, shaped, type Run } from './composed.js';
import { phases, type Phases } from './phases.js';

type Inputs = { dy: tf.TensorInfo; filter: tf.TensorInfo };
type Attrs = Pick<tf.Conv2DBackpropInputAttrs, 'strides' | 'pad' | 'dataFormat' | 'dimRoundingMode' | 'inputShape'>;

/**
 * Makes wasm compute the gradient of a convolution to its image, which is also a transposed convolution, by a convolution.
 *
 * The shipped kernel is a loop over single numbers; this one runs on XNNPACK, with the filter turned round and one output channel for each phase of
 * the stride.
 */
export function registerConv2DBackpropInput(library: typeof tf): void {
  registerComposed<Inputs, Attrs>(library, 'Conv2DBackpropInput', ({ dy, filter }, { run, attrs }) => {
    const { strides, pad, dimRoundingMode, inputShape } = attrs;
    const info = library.backend_util.computeConv2DInfo(
      inputShape,
      filter.shape as [number, number, number, number],
      strides,
      1,
      pad,
      dimRoundingMode,
    );
    const by = phases(info);
    const image = by.image(run, dy);
    const turned = { x: image.x, filter: turnedRound(run, filter, by) };
    const result = run('Conv2D', turned, { strides: 1, dilations: 1, pad: image.pad, dataFormat: 'NHWC' });
    const [rows, columns] = by.strides;
    const [batch, height, width] = result.shape as [number, number, number];
    const pixels = shaped(result, [batch, height, width, rows, columns, info.inChannels]);
    return by.crop(run, run('Transpose', { x: pixels }, { perm: [0, 1, 3, 2, 4, 5] }));
  });
}

/** The filter of [height, width, in, out] with taps in reverse and, for each phase of the stride, the taps that meet it: [taps, taps, out, phases · in]. */
function turnedRound(run: Run, filter: tf.TensorInfo, by: Phases): tf.TensorInfo {
  const [inChannels, outChannels] = filter.shape.slice(2) as [number, number];
  const taps = by.taps(run, filter);
  const perm = [0, 2, 5, 1, 3, 4];
  return shaped(run('Transpose', { x: taps }, { perm }), [
    taps.shape[0]!,
    taps.shape[2]!,
    outChannels,
    by.strides[0] * by.strides[1] * inChannels,
  ]);
}
