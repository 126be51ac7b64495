import type * as tf from '@tensorflow/tfjs';

import { registerOnCpu } from '../onCpu.js';
import { registerCast } from './cast.js';
import { registerChannelsFirst } from './channelsFirst.js';
import { registerClipByValue } from './clipByValue.js';
import { registerConv2DBackpropFilter } from './conv2DBackpropFilter.js';
import { registerConv2DBackpropInput } from './conv2DBackpropInput.js';
import { registerDepthwiseConv2dNativeBackpropFilter } from './depthwiseConv2dNativeBackpropFilter.js';
import { registerDepthwiseConv2dNativeBackpropInput } from './depthwiseConv2dNativeBackpropInput.js';
import { registerEinsum } from './einsum.js';
import { registerFitted } from './fitted.js';
import { registerFused } from './fused.js';
import { registerIdentity } from './identity.js';
import { registerMatMul } from './matMul.js';
import { registerMaxPoolGrad } from './maxPoolGrad.js';
import { registerResizeNearestNeighborGrad } from './resizeNearestNeighborGrad.js';
import { registerSlice } from './slice.js';
import { registerSplitV } from './splitV.js';
import { unable } from './unable.js';
import { registerUnsortedSegmentSum } from './unsortedSegmentSum.js';

/** Everything that wasm lacks, or does slowly, when a model is trained on it. */
const KERNELS = [
  registerCast,
  registerClipByValue,
  registerConv2DBackpropFilter,
  registerConv2DBackpropInput,
  registerDepthwiseConv2dNativeBackpropFilter,
  registerDepthwiseConv2dNativeBackpropInput,
  registerEinsum,
  registerIdentity,
  registerMatMul,
  registerMaxPoolGrad,
  registerResizeNearestNeighborGrad,
  registerSlice,
  registerSplitV,
  registerUnsortedSegmentSum,
  // These wrap what is there by now.
  registerFitted,
  registerChannelsFirst,
  registerFused,
];

export function registerTraining(library: typeof tf): void {
  for (const register of KERNELS) register(library);
  registerOnCpu(library, 'wasm', unable);
}
