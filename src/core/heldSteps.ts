import type * as tf from '@tensorflow/tfjs';

import { tensorsOf } from './arrays.js';
import type { TrainingEvent } from './events.js';
import { holdResults, restoreResults } from './heldResults.js';
import { reducersOf } from './metric.js';
import { RUN, type InRun } from './run.js';
import type { Held, Holding, Json } from './snapshot.js';
import type { StepResult } from './values.js';
import type { Weights } from './weights.js';

type Step = StepResult | TrainingEvent;
const SCALARS = ['gradientNorm', 'finite'] as const;

/** Steps and events that wait to be read, as a stage holds them. */
export function holdSteps(steps: readonly Step[]): Required<Holding> {
  const tensors: Record<string, tf.Tensor> = {};
  const data = steps.map((step, i): Json => {
    if ('type' in step) return step as unknown as Json;
    const { microBatches, gradientNorm, finite, weights: _w, reducers: _r, ...counts } = step;
    const results = holdResults(microBatches, `${i}/`);
    Object.assign(tensors, results.tensors);
    for (const [name, scalar] of Object.entries({ gradientNorm, finite })) if (scalar) tensors[`${i}/${name}`] = scalar;
    return { ...(counts as unknown as Record<string, Json>), microBatches: results.data };
  });
  return { data, tensors };
}

/** The same steps and events again, in the run of the value that comes next. */
export function restoreSteps<T extends Step>(held: Held, next: InRun): T[] {
  const tensors = tensorsOf(held);
  const run = next[RUN]!;
  const own = { reducers: reducersOf(run.metrics ?? {}), weights: (next as Partial<{ weights: Weights }>).weights };
  return (held.data as unknown as readonly Step[]).map((step, i) => {
    if ('type' in step) return { ...step, [RUN]: run } as unknown as T;
    const microBatches = restoreResults(step.microBatches as unknown as Json, tensors, `${i}/`);
    const scalars = SCALARS.flatMap((name) => {
      const scalar = tensors[`${i}/${name}`];
      return scalar ? [[name, scalar]] : [];
    });
    return { ...step, ...own, microBatches, ...Object.fromEntries(scalars), [RUN]: run } as unknown as T;
  });
}
