import type * as tf from '@tensorflow/tfjs';

/** Does something that may set variables; if it throws, they are put back. */
export function putBackOnFailure<T>(variables: readonly tf.Variable[], work: () => T): T {
  const before = variables.map((variable) => variable.clone());
  try {
    return work();
  } catch (error) {
    variables.forEach((variable, i) => variable.assign(before[i]!));
    throw error;
  } finally {
    before.forEach((clone) => clone.dispose());
  }
}
