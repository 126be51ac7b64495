import type * as tf from '@tensorflow/tfjs';

import { registerOnCpu } from '../onCpu.js';
import { registerChannelsFirst } from './channelsFirst.js';
import { registerConv2DBackpropFilter } from './conv2DBackpropFilter.js';
import { registerConv2DBackpropInput } from './conv2DBackpropInput.js';
import { registerConvolutions } from './convolutions.js';
import { registerDepthwiseConv2dNativeBackpropFilter } from './depthwiseConv2dNativeBackpropFilter.js';
import { registerDepthwiseConv2dNativeBackpropInput } from './depthwiseConv2dNativeBackpropInput.js';
import { registerDilatedDepthwise } from './dilatedDepthwise.js';
import { registerGatherV2 } from './gatherV2.js';
import { registerMaxPool } from './maxPool.js';
import { registerMaxPoolGrad } from './maxPoolGrad.js';
import { registerMultinomial } from './multinomial.js';
import { registerScatterNd } from './scatterNd.js';
import { registerSign } from './sign.js';
import { unable } from './unable.js';

/** Everything that TensorFlow can do, and the binding's kernels refuse or do otherwise. */
const KERNELS = [
  registerConv2DBackpropFilter,
  registerConv2DBackpropInput,
  registerConvolutions,
  registerDepthwiseConv2dNativeBackpropFilter,
  registerDepthwiseConv2dNativeBackpropInput,
  registerGatherV2,
  registerMaxPool,
  registerMaxPoolGrad,
  registerMultinomial,
  registerScatterNd,
  registerSign,
  // These wrap what is there by now.
  registerChannelsFirst,
  registerDilatedDepthwise,
];

let registered = false;

/** Gives native TensorFlow what it lacks; once, however often the engine is opened. */
export function registerNative(library: typeof tf): void {
  if (registered) return;
  registered = true;
  for (const register of KERNELS) register(library);
  registerOnCpu(library, 'tensorflow', unable);
}
