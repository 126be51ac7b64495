import * as tf from '@tensorflow/tfjs';
import { afterEach, beforeEach, expect } from 'vitest';

import { engine } from '../../src/engine/engine.js';

tf.env().set('IS_TEST', true); // silences the backend's banner
await engine('cpu'); // reads at once, so that whole pipelines run in virtual time

// Every test must free what it makes.
let before = 0;
beforeEach(() => {
  before = tf.memory().numTensors;
});
afterEach(() => {
  expect(tf.memory().numTensors - before, 'tensors left behind').toBe(0);
});
