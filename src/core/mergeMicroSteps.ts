import type * as tf from '@tensorflow/tfjs';

import { disposeTensors } from './batch.js';
import { ArgumentError } from './errors.js';
import { last, max, mean, sum, type Reducer } from './metric.js';
import { RUN, type Run } from './run.js';
import { tensors } from './tensors.js';
import type { MicroStep } from './values.js';

/** The same micro-step of several replicas as one: means by weight, metrics as they declare. Takes the steps' tensors; goes on in `run`, if they are in any. */
export function mergeMicroSteps(steps: readonly MicroStep[], worldSize: number, run: Run): MicroStep {
  const [first] = steps as [MicroStep];
  const own = { worldSize, ...(first[RUN] && { [RUN]: run }) };
  if (steps.length === 1) return { ...first, ...own };
  const total = (pick: (step: MicroStep) => number): number => steps.reduce((all, step) => all + pick(step), 0);
  const weight = total((step) => step.weight);
  const shares = steps.map((step) => (weight === 0 ? 0 : step.weight / weight));
  const merged = freeing(steps, () =>
    tensors().tidy(() => ({
      gradients: byShare(
        steps.map(({ gradients }) => gradients),
        shares,
      ),
      loss: byShare(
        steps.map(({ loss }) => loss),
        shares,
      ),
      metrics: Object.fromEntries(
        Object.entries(first.reducers).map(([name, reduce]) => [
          name,
          mergeMetric(
            name,
            reduce,
            steps.map(({ metrics }) => metrics[name]!),
            shares,
          ),
        ]),
      ),
    })),
  );
  return {
    ...first,
    ...merged,
    weight,
    samples: total(({ samples }) => samples),
    globalStep: Math.min(...steps.map(({ globalStep }) => globalStep)),
    ...own,
  };
}

/** What `compute` gives; the steps' tensors are freed, whether it throws or not. */
function freeing<T>(steps: readonly MicroStep[], compute: () => T): T {
  try {
    return compute();
  } finally {
    disposeTensors(steps);
  }
}

/** Σ share·value; what has no share counts nothing, NaN or not. */
function byShare<T extends tf.Tensor>(values: readonly T[], shares: readonly number[]): T {
  const { addN, mul, zerosLike } = tensors();
  const terms = values.flatMap((value, i) => (shares[i] === 0 ? [] : [mul<T>(value, shares[i]!)]));
  return terms.length > 0 ? addN<T>(terms) : zerosLike(values[0]!);
}

function mergeMetric(
  name: string,
  reduce: Reducer,
  values: readonly tf.Scalar[],
  shares: readonly number[],
): tf.Scalar {
  const { addN, maximum, mul } = tensors();
  if (reduce === mean) return byShare(values, shares);
  if (reduce === sum) return addN([...values]);
  if (reduce === max) return values.reduce((a, b) => maximum(a, b));
  if (reduce === last) return mul(values.at(-1)!, 1);
  throw new ArgumentError(
    `mergeReplicas: the metric '${name}' must be reduced by mean, sum, max or last, received a reducer of its own`,
  );
}
