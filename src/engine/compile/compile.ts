import type * as tf from '@tensorflow/tfjs';

import { weightOf, type Batch, type BatchValue, type NdArray } from '../../core/batch.js';
import { checkBatch } from '../../core/checkBatch.js';
import type { CompiledStep, CompileStep } from '../../core/compiler.js';
import { computeBackward } from '../../core/compute.js';
import { putBackOnFailure } from '../../core/putBackOnFailure.js';
import { checkLabels } from '../../core/lossAndMetrics.js';
import { allVariablesOf } from '../../core/model.js';
import { misfit } from '../../core/predict.js';
import type { MicroBatchResult } from '../../core/values.js';
import { SCALE } from './finish.js';
import { gradientFeeds } from './gradientProgram.js';
import type { Mode } from './program.js';
import { drawOf } from './drawOf.js';
import { fedNumbers } from './fedNumbers.js';
import { fedValues } from './feed.js';
import { handOver } from './handOver.js';
import { modeOf } from './modeOf.js';
import { seededDraws } from '../seededDraws.js';
import { learning } from './learning.js';
import { SUM } from './stepGraph.js';

/** Compiles steps for native TensorFlow, by running one eagerly and writing down what it does. */
export function compilerFor(library: typeof tf): CompileStep {
  return (plan, first, microStep) => {
    const { scalar } = library;
    const { slots } = plan.weights;
    const learned = learning(library, plan, first, microStep);
    const numbers = fedNumbers(library);
    const metrics = Object.keys(plan.metrics);

    /** Has a program done on values, in a graph that knows it. */
    const run = (
      index: number,
      values: readonly BatchValue[],
      mode: Mode,
      share: number,
      draw: number,
      refused = (cause: unknown) => cause as Error,
    ): tf.Scalar[] => {
      const { graph, programs } = learned;
      const { inputs, outputs } = graph().programs[index]!.calls[mode];
      const { random, assigned } = programs[index]!;
      const seed = random ? [{ data: Int32Array.of(plan.seed, draw), shape: [2] }] : [];
      if (assigned.length > 0) graph().others.changing();
      const handed = handOver(library, [...values, ...seed, ...(mode === 'scaled' ? [onHost(share)] : [])]);
      try {
        return graph().call(handed.ids, inputs, outputs) as tf.Scalar[];
      } catch (cause) {
        throw refused(cause);
      } finally {
        if (assigned.length > 0) graph().others.changed();
        handed.free();
      }
    };
    const others = plan.recovers
      ? allVariablesOf(plan.model).filter((each) => !plan.weights.variables.includes(each))
      : [];
    const runEagerly = (batch: Batch, mode: Mode, share: number, microStep: number, draw: number): MicroBatchResult => {
      const pass = () => computeBackward({ ...plan, batch }, plan.weights, microStep);
      const { gradients, ...result } = seededDraws(plan.seed, draw, () => putBackOnFailure(others, pass));
      try {
        const [loss] = run(0, [...gradientFeeds(library, gradients, slots), result.loss], mode, share, draw);
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
        const { predictions } = learned.programs[index]!;
        if (predictions) checkLabels(plan.loss, batch, predictions, microStep);
        // What TensorFlow refuses to compute (an index out of range) is the batch's fault.
        const refused = (cause: unknown): Error => misfit(batch, microStep, cause);
        const [loss, ...values] = run(index, fedValues(batch), mode, share, draw, refused);
        return {
          loss: loss!,
          weight: weightOf(batch),
          metrics: Object.fromEntries(metrics.map((name, i) => [name, values[i]!])),
        };
      },
      gradients: (scale) =>
        library.tidy(() => learned.graph().run({ [SCALE]: scalar(scale) }, [SUM])[0] as tf.Tensor1D),
      setGradients: (gradients, microBatches) => {
        const losses = library.tidy(() => library.addN(microBatches.map(({ loss }) => loss)));
        library.dispose([losses, ...run(0, [...gradientFeeds(library, gradients, slots), losses], 'open', 1, 0)]);
      },
      finishWindow: ({ scale, learningRate, maxNorm }) => {
        learned.takeOver();
        const { weights, finish, call } = learned.graph();
        weights.changing();
        try {
          const fed = numbers.idsOf(plan.clips ? [scale, learningRate, maxNorm] : [scale, learningRate]);
          const [done, ...scalars] = call(fed, finish.inputs, finish.outputs);
          done!.dispose();
          return {
            ...(finish.norm && { gradientNorm: scalars.shift() as tf.Scalar }),
            ...(finish.finite && { finite: scalars.shift() as tf.Scalar }),
          };
        } finally {
          weights.changed();
        }
      },
      namedState: () => learned.namedState(),
      setState: (state) => learned.setState(state),
      close: () => {
        numbers.close();
        learned.close();
      },
    };
    return step;
  };
}

function onHost(value: number): NdArray {
  return { data: Float32Array.of(value), shape: [] };
}
