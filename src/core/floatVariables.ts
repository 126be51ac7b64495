import type * as tf from '@tensorflow/tfjs';

import { ArgumentError } from './errors.js';
import type { TrainingEvent } from './events.js';
import { allVariablesOf } from './model.js';
import { RUN } from './run.js';
import { savedNames } from './savedNames.js';
import type { StepResult } from './values.js';
import type { WeightSlot } from './weights.js';

/** The variables of a step's model that hold floats, trained or not. */
export function floatVariables(step: StepResult | TrainingEvent, operator: string): readonly tf.Variable[] {
  const model = step[RUN]?.model;
  const all = model ? allVariablesOf(model) : (step as Partial<StepResult>).weights?.variables;
  if (!all) throw new ArgumentError(`${operator}: the steps must come from a run (train, forward)`);
  return all.filter(({ dtype }) => dtype === 'float32');
}

/** How they are called in a checkpoint. */
export function floatSlots(step: StepResult | TrainingEvent): readonly WeightSlot[] {
  const model = step[RUN]?.model;
  if (!model) return (step as StepResult).weights.slots;
  const names = savedNames(model);
  return allVariablesOf(model).flatMap(({ dtype, shape, size }, i) =>
    dtype === 'float32' ? [{ name: names[i]!, shape, size }] : [],
  );
}
