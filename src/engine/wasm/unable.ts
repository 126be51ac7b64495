import type * as tf from '@tensorflow/tfjs';

import { needed } from '../margins.js';
import type { Call, Unable } from '../onCpu.js';
import { agrees } from './fitted.js';

/** They look at the data's owners, never at the data. */
const BLIND = new Set(['Identity', 'Reshape']);
const ofNothing = ({ inputs }: Call): boolean => inputs['x']!.shape.includes(0);
const always = (): boolean => true;
/** What wasm does wrong without a word. */
const UNABLE: Readonly<Record<string, (call: Call, library: typeof tf) => boolean>> = {
  Conv3DBackpropInputV2: always,
  Dilation2D: always,
  Dilation2DBackpropFilter: always,
  Dilation2DBackpropInput: always,
  Bincount: ({ inputs }) => inputs['x']!.shape.length !== 1,
  Fill: ({ attrs }) => typeof attrs!['value'] === 'string',
  Prod: ofNothing,
  Sum: ofNothing,
  AvgPool: isOddPool,
  MaxPool: isOddPool,
};

/**
 * What wasm is to pass on to JavaScript: strings and complex numbers, which it has no code for in any kernel, and what it does wrong.
 *
 * Training has next to none of it.
 */
export const unable: Unable = (kernelName) => {
  if (BLIND.has(kernelName)) return undefined;
  return (call, library) => UNABLE[kernelName]?.(call, library) || Object.values(call.inputs).some(isForeign);
};

function isForeign(input: tf.TensorInfo | undefined): boolean {
  return input?.dtype === 'string' || input?.dtype === 'complex64';
}

/** Pools of one pixel are unknown to XNNPACK, and of some it finds another size. */
function isOddPool({ inputs, attrs }: Call, library: typeof tf): boolean {
  const { filterSize, strides, pad, dimRoundingMode } = attrs as unknown as tf.MaxPoolAttrs;
  if ([filterSize].flat().every((size) => size === 1)) return true;
  const shape = inputs['x']!.shape as [number, number, number, number];
  const info = library.backend_util.computePool2DInfo(shape, filterSize, strides, 1, pad, dimRoundingMode);
  return !agrees(info, pad, needed(info));
}
