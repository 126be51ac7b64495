import type * as tf from '@tensorflow/tfjs';

import { needed, type Margin } from '../margins.js';
import { registerComposed } from './composed.js';
import { paddedBy } from './paddedBy.js';

type Four = [number, number, number, number];
type Pad = number | 'same' | 'valid' | tf.backend_util.ExplicitPadding;
type Attrs = {
  strides: number | [number, number];
  dilations?: number | [number, number] | null;
  pad: Pad;
  dimRoundingMode?: 'floor' | 'round' | 'ceil';
};

/** Which convolutions are depthwise. */
const KERNELS = { Conv2D: false, FusedConv2D: false, DepthwiseConv2dNative: true, FusedDepthwiseConv2D: true };

/**
 * Makes wasm's convolutions as large as TensorFlow.js takes them for.
 *
 * XNNPACK finds the size of the outcome by itself. Where a stride is longer than the filter or sides differ it comes to another, and writes nothing or
 * beyond the tensor's memory; it gets an image then on which both agree.
 */
export function registerFitted(library: typeof tf): void {
  for (const [name, depthwise] of Object.entries(KERNELS)) {
    const { kernelFunc } = library.getKernel(name, 'wasm');
    registerComposed<Record<string, tf.TensorInfo>, Attrs>(library, name, (inputs, { run, wasm, attrs }) => {
      const { x, filter } = inputs as { x: tf.TensorInfo; filter: tf.TensorInfo };
      const { strides, pad, dimRoundingMode } = attrs;
      const dilations = attrs.dilations ?? 1; // layers pass null
      const shapes = [x.shape as Four, filter.shape as Four] as const;
      const call = (image: tf.TensorInfo, margins: Pad | number[][]): tf.TensorInfo =>
        kernelFunc({
          inputs: { ...inputs, x: image },
          backend: wasm,
          attrs: { ...attrs, pad: margins } as never,
        }) as tf.TensorInfo;
      const info = library.backend_util.computeConv2DInfo(
        ...shapes,
        strides,
        dilations,
        pad,
        dimRoundingMode,
        depthwise,
      );
      library.util.assert(
        info.outShape.every((length) => length >= 0),
        () => `${name}: the image of ${x.shape.join('×')} is too small for a filter of ${filter.shape.join('×')}`,
      );
      // XNNPACK takes nothing empty, and a sum over nothing is 0.
      if ([...x.shape, ...filter.shape, ...info.outShape].includes(0))
        return run('Fill', {}, { shape: info.outShape, value: 0, dtype: 'float32' });
      const margins = needed(info);
      if (agrees(info, pad, margins)) return call(x, pad);
      const image = paddedBy(run, x, ...margins);
      return call(image.x, image.pad);
    });
  }
}

/** Whether XNNPACK finds the same size: with less than a stride to spare on each side. */
export function agrees(
  info: tf.backend_util.Conv2DInfo,
  pad: unknown,
  [rows, columns]: readonly [Margin, Margin],
): boolean {
  if (pad === 'same')
    return info.strideHeight <= info.effectiveFilterHeight && info.strideWidth <= info.effectiveFilterWidth;
  const spare = [info.padInfo.bottom - rows[1], info.padInfo.right - columns[1]] as const;
  return spare[0] >= 0 && spare[1] >= 0 && spare[0] < info.strideHeight && spare[1] < info.strideWidth;
}
