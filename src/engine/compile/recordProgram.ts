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
import { nodeOf } from './graph.js';
import type { Program } from './program.js';
import { record, type Recording } from './record.js';
import { settle } from './settle.js';
import type { Pair } from './syncedVariables.js';

/** What the eager pass computed: what the graph's must be equal to. Everything is on the host. */
export interface Expected {
  readonly scalars: readonly number[];
  readonly gradients: readonly ArrayLike<number>[];
  /** What the pass made at random, by the node that stands for it. */
  readonly drawn: Readonly<Record<string, { readonly shape: readonly number[]; readonly values: Float32Array }>>;
}

/**
 * Runs the eager pass on a batch and writes it down: twice, to tell what is the same each time from what is not.
 *
 * @param others - Finds the variables that the pass uses beside the weights; it is given all there are.
 */
export function recordProgram(
  library: typeof tf,
  plan: StepPlan,
  { given: source, batch, tensors }: Fed,
  weights: readonly Pair[],
  others: readonly Pair[],
  microStep: number,
): { readonly program: Program; readonly expected: Expected } {
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
        assigned: changed.map(({ variable, inGraph }) => ({ variable: inGraph, value: recording.refOf(variable) })),
        numbers: scalars.map(({ dataId }) => Number(backend.readSync(dataId)[0])),
        vectors: gradients.map(({ dataId }) => backend.readSync(dataId) as Float32Array),
      };
      return { ...recording, result };
    } finally {
      putBack();
    }
  };
  const attempt = (draw: number): Recording<Outcome> => {
    let recording: Recording<Outcome> | undefined;
    library.tidy(() => void (recording = seededDraws(plan.seed, draw, pass)));
    return recording!;
  };
  // Two draws that no micro-step has: a graph that passes the check passes it in every run with the same seed.
  const first = attempt(-1);
  const second = attempt(-2);
  const hosts = settle(first, second);
  const { result, nodes } = second;
  const [total, ...metrics] = result.scalars;
  return {
    program: {
      feeds: tensors.map(({ dataId, shape }) => ({ dtype: backend.tensorMap.get(dataId).dtype, shape })),
      nodes,
      hosts,
      loss: total!,
      random: hosts.some(({ random }) => random),
      ...(predictions && { predictions }),
      metrics,
      gradients: result.gradients,
      assigned: result.assigned,
    },
    expected: {
      scalars: result.numbers,
      gradients: result.vectors,
      drawn: Object.fromEntries(
        hosts
          .filter(({ random }) => random)
          .map(({ name, shape, values }) => [name, { shape, values: values as Float32Array }]),
      ),
    },
  };
}

interface Outcome {
  readonly scalars: readonly string[];
  readonly gradients: readonly string[];
  readonly assigned: Program['assigned'];
  readonly numbers: readonly number[];
  readonly vectors: readonly Float32Array[];
}

/** Which of the other variables a program uses. */
export function usedBy(program: Program, others: readonly Pair[]): Pair[] {
  const refs = new Set(
    [...program.nodes.flatMap(({ input }) => input), ...program.gradients, program.loss].map(nodeOf),
  );
  const assigned = new Set(program.assigned.map(({ variable }) => variable.name));
  return others.filter(({ inGraph: { name } }) => refs.has(name) || assigned.has(name));
}
