import { openWebgpu } from '../../../src/engine/webgpu/webgpu.js';
import { engineContract } from '../contract.js';
import { missing } from './driver.js';
import { describe } from 'vitest';

describe.skipIf(missing)(`in Node${missing}`, () => {
  engineContract(
    'webgpu',
    async () => {
      const opened = await openWebgpu();
      // TensorFlow.js computes small tensors on the CPU; here its shaders are to be tested.
      opened.tf.env().set('WEBGPU_CPU_FORWARD', false);
      return opened;
    },
    { tolerance: 1e-3 },
  );
});
