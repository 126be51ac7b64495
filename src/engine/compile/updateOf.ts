import type * as tf from '@tensorflow/tfjs';

import type { StepPlan } from '../../core/compiler.js';
import type { OptimizerState } from '../../core/optimizer.js';
import { adagradUpdate } from './adagradUpdate.js';
import { adamUpdate } from './adamUpdate.js';
import { composedUpdate } from './composedUpdate.js';
import { sgdUpdate } from './sgdUpdate.js';
import type { Update } from './update.js';
import type { GraphVariable } from './variables.js';

/** The update of a plan's optimizer: by TensorFlow's op where its formula has one, else recorded as it is. */
export function updateOf(
  library: typeof tf,
  { optimizer, weights }: StepPlan,
  state: OptimizerState,
  targets: readonly GraphVariable[],
): Update {
  const { formula } = optimizer;
  switch (formula?.kind) {
    case 'adam':
      return adamUpdate(optimizer, formula, weights.slots, targets);
    case 'sgd':
      return sgdUpdate(formula, weights.slots, targets);
    case 'adagrad':
      return adagradUpdate(formula, weights.slots, targets);
    case undefined:
      return composedUpdate(library, optimizer, weights, state, targets);
  }
}
