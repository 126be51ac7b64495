import type * as tf from '@tensorflow/tfjs';

import type { StepPlan } from '../../core/compiler.js';
import type { OptimizerState } from '../../core/optimizer.js';
import { adagradUpdate } from './adagradUpdate.js';
import { adamUpdate } from './adamUpdate.js';
import { composedUpdate } from './composedUpdate.js';
import { sgdUpdate } from './sgdUpdate.js';
import type { Update } from './update.js';
import type { GraphVariable } from './variables.js';
import { onGroups, type WeightGroup } from './weightGroups.js';

/** The update of a plan's optimizer: by TensorFlow's op where its formula has one, else recorded as it is. */
export function updateOf(
  library: typeof tf,
  { optimizer, weights }: StepPlan,
  state: OptimizerState,
  groups: readonly WeightGroup[],
  targets: readonly GraphVariable[],
): Update {
  const { formula } = optimizer;
  if (!formula) return composedUpdate(library, optimizer, weights, state, groups, targets);
  const update = {
    adam: () => adamUpdate(optimizer, formula as never, state, weights.slots, groups),
    sgd: () => sgdUpdate(formula as never, weights.slots, groups),
    adagrad: () => adagradUpdate(formula as never, weights.slots, groups),
  }[formula.kind]();
  return { ...update, add: onGroups(groups, targets, update.add) };
}
