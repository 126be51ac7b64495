import * as tf from '@tensorflow/tfjs';
import { describe } from 'vitest';

import { openNode } from '../../../src/engine/node/node.js';
import { engineContract } from '../contract.js';
import { absent, INSTALLED } from './installed.js';

describe.skipIf(absent)(INSTALLED, () => {
  engineContract('node', async () => {
    tf.env().set('IS_TEST', false); // as in node.test.ts
    return openNode();
  });
});
