import type * as tf from '@tensorflow/tfjs';

import type { StepPlan } from '../../core/compiler.js';
import { TYPES } from './graph.js';
import type { Pair } from './syncedVariables.js';

/** The variables that a step may use: those that it trains, in order, and all others that TensorFlow.js knows. */
export function pairsOf(library: typeof tf, plan: StepPlan): { readonly weights: Pair[]; readonly others: Pair[] } {
  const trained = new Set<unknown>(plan.weights.variables);
  const others = Object.values(library.engine().registeredVariables).filter(
    (variable) => !trained.has(variable) && variable.dtype in TYPES,
  );
  return {
    weights: plan.weights.variables.map((variable, i) => pairOf(variable, `weight/${i}`)),
    others: others.map((variable) => pairOf(variable, `other/${variable.id}`)),
  };
}

function pairOf(variable: tf.Variable, name: string): Pair {
  return { variable, inGraph: { name, dtype: TYPES[variable.dtype]!, shape: variable.shape } };
}
