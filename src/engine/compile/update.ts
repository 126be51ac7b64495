import type * as tf from '@tensorflow/tfjs';

import type { OptimizerState } from '../../core/optimizer.js';
import type { AddUpdate } from './finish.js';
import type { GraphVariable } from './variables.js';

/** An optimizer's update in a graph, and how its state lies there. */
export interface Update {
  readonly add: AddUpdate;
  /** Those that hold the state. */
  readonly variables: readonly GraphVariable[];
  /** What the variables are loaded with, by name, for a state. To be called in a `tidy`. */
  readonly split: (state: OptimizerState) => Readonly<Record<string, tf.Tensor>>;
  /** The state as it is saved, of what the variables hold. To be called in a `tidy`. */
  readonly named: (held: Readonly<Record<string, tf.TensorInfo>>) => Readonly<Record<string, tf.Tensor>>;
}
