import type * as tf from '@tensorflow/tfjs';

import { weightOf, type Batch } from '../../core/batch.js';
import { checkBatch } from '../../core/checkBatch.js';
import type { CompiledStep, CompileStep } from '../../core/compiler.js';
import { computeBackward } from '../../core/compute.js';
import { putBackOnFailure } from '../../core/putBackOnFailure.js';
import { checkLabels } from '../../core/lossAndMetrics.js';
import { allVariablesOf } from '../../core/model.js';
import { misfit } from '../../core/predict.js';
import type { MicroBatchResult } from '../../core/values.js';
import { LIMIT, RATE, SCALE } from './finish.js';
import type { Mode } from './program.js';
import { drawOf } from './drawOf.js';
import { handOver } from './handOver.js';
import { modeOf } from './modeOf.js';
import { seededDraws } from '../seededDraws.js';
import { learning } from './learning.js';
import { SUM } from './stepGraph.js';

/** Compiles steps for native TensorFlow, by running one eagerly and writing down what it does. */
export function compilerFor(library: typeof tf): CompileStep {
  return (plan, first, microStep) => {
    const { scalar, tensor1d } = library;
    const learned = learning(library, plan, first, microStep);
    const metrics = Object.keys(plan.metrics);

    /** Has a program done on tensors, in a graph that knows it. */
    const run = (
      index: number,
      tensors: readonly tf.TensorInfo[],
      mode: Mode,
      share: number,
      draw: number,
    ): tf.Scalar[] => {
      const { graph, programs } = learned;
      const { inputs, outputs } = graph().programs[index]!.calls[mode];
      const { random, assigned } = programs[index]!;
      const fed = [
        ...(random ? [tensor1d([plan.seed | 0, draw], 'int32')] : []),
        ...(mode === 'scaled' ? [scalar(share)] : []),
      ];
      if (assigned.length > 0) graph().others.changing();
      try {
        return graph().call([...tensors, ...fed], inputs, outputs) as tf.Scalar[];
      } finally {
        if (assigned.length > 0) graph().others.changed();
        if (fed.length > 0) library.dispose(fed);
      }
    };
    const others = plan.recovers
      ? allVariablesOf(plan.model).filter((each) => !plan.weights.variables.includes(each))
      : [];
    const runEagerly = (batch: Batch, mode: Mode, share: number, microStep: number, draw: number): MicroBatchResult => {
      const pass = () => computeBackward({ ...plan, batch }, plan.weights, microStep);
      const { gradients, ...result } = seededDraws(plan.seed, draw, () => putBackOnFailure(others, pass));
      try {
        const [loss] = run(0, [gradients, result.loss], mode, share, draw);
        return { ...result, loss: loss! };
      } catch (error) {
        library.dispose(Object.values(result.metrics));
        throw error;
      } finally {
        library.dispose([gradients, result.loss]);
      }
    };
    const step: CompiledStep = {
      microStep: (batch, { opens, share, part }, microStep) => {
        checkBatch(batch, microStep);
        const draw = drawOf(microStep, part);
        const mode = modeOf(opens, share);
        learned.takeOver();
        const index = learned.indexOf(batch, microStep);
        if (index === undefined) return runEagerly(batch, mode, share, microStep, draw);
        const handed = handOver(library, batch);
        try {
          const { predictions } = learned.programs[index]!;
          if (predictions) checkLabels(plan.loss, batch, predictions, microStep);
          const [loss, ...values] = compute(() => run(index, handed.tensors, mode, share, draw), batch, microStep);
          return {
            loss: loss!,
            weight: weightOf(batch),
            metrics: Object.fromEntries(metrics.map((name, i) => [name, values[i]!])),
          };
        } finally {
          handed.free();
        }
      },
      gradients: (scale) =>
        library.tidy(() => learned.graph().run({ [SCALE]: scalar(scale) }, [SUM])[0] as tf.Tensor1D),
      setGradients: (gradients, microBatches) => {
        const losses = library.tidy(() => library.addN(microBatches.map(({ loss }) => loss)));
        library.dispose([losses, ...run(0, [gradients, losses], 'open', 1, 0)]);
      },
      finishWindow: ({ scale, learningRate, maxNorm }) => {
        learned.takeOver();
        const { weights, finish, run: runGraph } = learned.graph();
        weights.changing();
        const feeds = {
          [SCALE]: scalar(scale),
          [RATE]: scalar(learningRate),
          ...(plan.clips && { [LIMIT]: scalar(maxNorm) }),
        };
        const [done, ...scalars] = runGraph(feeds, [finish.done, ...[finish.norm ?? [], finish.finite ?? []].flat()]);
        weights.changed();
        library.dispose([done!, ...Object.values(feeds)]);
        return {
          ...(finish.norm && { gradientNorm: scalars.shift() as tf.Scalar }),
          ...(finish.finite && { finite: scalars.shift() as tf.Scalar }),
        };
      },
      namedState: () => learned.namedState(),
      setState: (state) => learned.setState(state),
      close: () => learned.close(),
    };
    return step;
  };
}

/** What TensorFlow refuses to compute (an index out of range) is the batch's fault. */
function compute<T>(work: () => T, batch: Batch, microStep: number): T {
  try {
    return work();
  } catch (cause) {
    throw misfit(batch, microStep, cause);
  }
}
