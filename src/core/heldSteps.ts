import type * as tf from '@tensorflow/tfjs';

import { CheckpointError } from './errors.js';
import type { TrainingEvent } from './events.js';
import { objectIn } from './heldData.js';
import { holdResults, savedResults } from './heldResults.js';
import { matchArrays, tensorOf } from './matchArrays.js';
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

/**
 * The same steps and events again, in the run of the value that comes next.
 *
 * @throws {@link CheckpointError} if they are no such thing, or of other metrics.
 */
export function restoreSteps<T extends Step>({ data, arrays = {} }: Held, next: InRun): T[] {
  if (!Array.isArray(data)) throw new CheckpointError(`a checkpoint must list steps, it has ${typeof data}`);
  const run = next[RUN]!;
  const { metrics = {} } = run;
  const own = { reducers: reducersOf(metrics), weights: (next as Partial<{ weights: Weights }>).weights };
  const saved = data.map((entry: unknown, i) => {
    const step = objectIn(entry, 'steps');
    const isEvent = 'type' in step;
    return { step, results: isEvent ? undefined : savedResults(step['microBatches'], `${i}/`, Object.keys(metrics)) };
  });
  const scalars = saved.flatMap(({ results }, i) =>
    results ? SCALARS.map((name) => `${i}/${name}`).filter((name) => Object.hasOwn(arrays, name)) : [],
  );
  const wanted = [
    ...saved.flatMap(({ results }) => results?.wanted ?? []),
    ...scalars.map((name) => ({ name, shape: [], dtype: 'float32' })),
  ];
  const found = matchArrays(wanted, arrays, 'readback');
  const tensors = Object.fromEntries(wanted.map(({ name }, i) => [name, tensorOf(found[i]!)]));
  return saved.map(({ step, results }, i) => {
    if (!results) return { ...step, [RUN]: run } as unknown as T;
    const named = SCALARS.flatMap((name) => (tensors[`${i}/${name}`] ? [[name, tensors[`${i}/${name}`]]] : []));
    const microBatches = results.restore(tensors);
    return { ...step, ...own, microBatches, ...Object.fromEntries(named), [RUN]: run } as unknown as T;
  });
}
