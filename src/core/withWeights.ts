import type * as tf from '@tensorflow/tfjs';

import { disposeTensors } from './batch.js';
import type { CustomModel, Model } from './model.js';

/**
 * A model that computes with other values of its variables than they have.
 *
 * The values are put in for each pass and taken out when it returns. What changes hands is the data behind the variables, so they are bit for bit what
 * they were.
 *
 * @param valuesOf - Makes the values, in order; they are disposed after the pass. Undefined if the variables' own are to be used.
 */
export function withWeights(
  model: Model,
  variables: readonly tf.Variable[],
  valuesOf: () => readonly tf.Tensor[] | undefined,
): CustomModel {
  return {
    variables,
    apply: (xs, options): unknown => {
      const values = valuesOf();
      if (!values) return model.apply(xs, options);
      const own = variables.map((variable) => variable.clone());
      try {
        variables.forEach((variable, i) => variable.assign(values[i]!));
        return model.apply(xs, options);
      } finally {
        variables.forEach((variable, i) => variable.assign(own[i]!));
        disposeTensors([own, values]);
      }
    },
  };
}
