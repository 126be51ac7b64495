import type * as tf from '@tensorflow/tfjs';

import { isTensor } from '../../core/batch.js';
import type { StepPlan } from '../../core/compiler.js';
import { computeGradients } from '../../core/compute.js';
import { CompileError } from '../../core/errors.js';
import { checkLabels } from '../../core/lossAndMetrics.js';
import type { Values } from '../../core/predict.js';
import { seededDraws } from '../seededDraws.js';
import type { Backend } from './backend.js';
import type { Fed } from './feed.js';
import type { Program } from './program.js';
import { record, type Recording } from './record.js';
import type { Pair } from './syncedVariables.js';

/** The passes over a step's batches: which model, which variables; `others` are all there are beside the weights. */
export interface Passes {
  readonly plan: StepPlan;
  readonly weights: readonly Pair[];
  readonly others: readonly Pair[];
  readonly microStep: number;
}

/** What a pass has computed: the names of its results, and their numbers. */
export interface Outcome {
  readonly scalars: readonly string[];
  readonly gradients: readonly string[];
  readonly predictions: readonly number[] | undefined;
  readonly assigned: Program['assigned'];
  readonly numbers: readonly number[];
  readonly vectors: readonly Float32Array[];
}

/** Runs the eager pass once, with numbers of a draw, and puts back the variables that it sets. */
export function recordPass(
  library: typeof tf,
  { plan, weights, others, microStep }: Passes,
  { given: source, batch, tensors }: Fed,
  draw: number,
): Recording<Outcome> {
  const backend = library.backend() as unknown as Backend;
  const pairs = [...weights, ...others];
  const known = new Map<object, string>(pairs.map(({ variable, inGraph }) => [variable.dataId, inGraph.name]));
  tensors.forEach(({ dataId }, i) => known.set(dataId, `feed${i}`));
  if (known.size < pairs.length + tensors.length) throw new CompileError('two variables or inputs share one tensor');

  let predictions: readonly number[] | undefined;
  const loss: typeof plan.loss = Object.assign((labels: Values, given: Values) => {
    if (isTensor(given)) {
      predictions = given.shape;
      checkLabels(plan.loss, source, predictions, microStep);
    }
    return plan.loss(labels, given);
  }, plan.loss);
  const pass = (): Recording<Outcome> => {
    const before = pairs.map(({ variable }) => variable.clone());
    const putBack = (): void =>
      pairs.forEach(({ variable }, i) => variable.dataId !== before[i]!.dataId && variable.assign(before[i]!));
    try {
      const recording = record(backend, known, () =>
        computeGradients({ ...plan, loss, batch }, plan.weights, microStep),
      );
      const { metrics, gradients } = recording.result;
      const scalars = [recording.result.loss, ...Object.values(metrics)];
      const changed = pairs.filter(({ variable }, i) => variable.dataId !== before[i]!.dataId);
      const result: Outcome = {
        scalars: scalars.map((tensor) => recording.refOf(tensor)),
        gradients: gradients.map((tensor) => recording.refOf(tensor)),
        predictions,
        assigned: changed.map(({ variable, inGraph }) => ({ variable: inGraph, value: recording.refOf(variable) })),
        numbers: scalars.map(({ dataId }) => Number(backend.readSync(dataId)[0])),
        vectors: gradients.map(({ dataId }) => backend.readSync(dataId) as Float32Array),
      };
      return { ...recording, result };
    } finally {
      putBack();
    }
  };
  let recording: Recording<Outcome> | undefined;
  library.tidy(() => void (recording = seededDraws(plan.seed, draw, pass)));
  return recording!;
}
