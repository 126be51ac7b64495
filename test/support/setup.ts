import * as tf from '@tensorflow/tfjs';
import { of } from 'rxjs';
import { afterEach, beforeEach, expect } from 'vitest';

import { bindTensors } from '../../src/core/tensors.js';

tf.env().set('IS_TEST', true); // silences the backend's banner
await tf.setBackend('cpu');
// Reads at once, so that whole pipelines run in virtual time.
bindTensors({ ...tf, read: (tensor) => of(tensor.dataSync()) });

// Every test must free what it makes.
let before = 0;
beforeEach(() => {
  before = tf.memory().numTensors;
});
afterEach(() => {
  expect(tf.memory().numTensors - before, 'tensors left behind').toBe(0);
});
