import type * as tf from '@tensorflow/tfjs';
import { finalize, from, map, type Observable } from 'rxjs';

import type { MicroBatchValues, TrainingEvent } from './events.js';
import { tensors } from './tensors.js';
import type { MicroBatchResult, StepResult } from './values.js';

/** Reads scalars from the device, all of them at once; emits their numbers in order. The scalars stay the caller's. */
export function readScalars(scalars: readonly tf.Scalar[]): Observable<number[]> {
  const { read, stack, tidy } = tensors();
  const packed = tidy(() => stack([...scalars]));
  return from(read(packed)).pipe(
    map((values) => Array.from(values)),
    finalize(() => packed.dispose()),
  );
}

/** The scalars of a result, in the order in which {@link takeResult} takes their numbers. */
export function scalarsOf({ loss, metrics }: MicroBatchResult): tf.Scalar[] {
  return [loss, ...Object.values(metrics)];
}

/** The scalars of steps, in order: for each its results', its gradients' norm, and whether all is finite; events have none. */
export function scalarsIn(held: readonly (StepResult | TrainingEvent)[]): tf.Scalar[] {
  const scalars: tf.Scalar[] = [];
  for (const value of held) {
    if ('type' in value) continue;
    const { microBatches, gradientNorm, finite } = value;
    for (const result of microBatches) scalars.push(...scalarsOf(result));
    if (gradientNorm) scalars.push(gradientNorm);
    if (finite) scalars.push(finite);
  }
  return scalars;
}

/** Takes the numbers of one result from the front of `numbers`. */
export function takeResult({ weight, metrics }: MicroBatchResult, numbers: number[]): MicroBatchValues {
  const names = Object.keys(metrics);
  const [loss = NaN, ...values] = numbers.splice(0, 1 + names.length);
  return { loss, weight, metrics: Object.fromEntries(names.map((name, i) => [name, values[i] ?? NaN])) };
}
