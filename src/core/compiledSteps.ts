import type * as tf from '@tensorflow/tfjs';
import { defer, finalize, map, pipe, type MonoTypeOperatorFunction, type OperatorFunction } from 'rxjs';

import { tensorsOf } from './arrays.js';
import { disposeTensors, samplesOf, weightOf } from './batch.js';
import type { CompiledStep } from './compiler.js';
import { compiledMicroStep } from './compiledMicroStep.js';
import { assertPositive, assertPositiveInteger } from './errors.js';
import { holdResults, restoreResults } from './heldResults.js';
import { liveValue, type Live } from './live.js';
import { assertRate, type Optimizer } from './optimizer.js';
import { outsideGraph, type FullWindow } from './outsideGraph.js';
import { RUN } from './run.js';
import { takesPart } from './runState.js';
import type { Json } from './snapshot.js';
import type { ForwardPass, GradientStep, MicroBatchResult, StepResult } from './values.js';
import { windows } from './windows.js';

/** What of a training step is not in the graph. */
export interface StepOptions {
  readonly accumulate: Live;
  readonly clipNorm?: Live;
  readonly optimizer: Optimizer;
  readonly reduce?: MonoTypeOperatorFunction<GradientStep>;
}

interface Window {
  readonly size: number;
  /** The weight that counts 1 in the sum of the gradients: that of the first part of it. */
  readonly unit: number;
  readonly weight: number;
  readonly samples: number;
  readonly microBatches: readonly MicroBatchResult[];
  readonly newest: ForwardPass;
}

/**
 * Runs passes through a compiled step: what `backward`, `accumulate`, clipping and `optimizerStep` do, with the same results.
 *
 * **Ownership**: takes the batches and the step, which it closes at the end; the results' scalars are the receiver's.
 */
export function compiledSteps(step: CompiledStep, options: StepOptions): OperatorFunction<ForwardPass, StepResult> {
  const { accumulate, clipNorm = 1, optimizer, reduce } = options;
  return (source) =>
    defer(() => {
      const size = liveValue(accumulate, 'accumulate: microBatches', assertPositiveInteger);
      const limit = liveValue(clipNorm, 'clipByGlobalNorm: maxNorm', assertPositive);
      const label = `optimizerStep: the learning rate of ${optimizer.name}`;
      const rate = liveValue(optimizer.learningRate, label, assertRate);
      let microStep = 0;
      let globalStep = 0;

      const add = (window: Window | undefined, newest: ForwardPass): Window => {
        const { batch } = newest;
        try {
          microStep += 1;
          const before = window ?? { size: size.at(globalStep + 1), weight: 0, samples: 0, microBatches: [] };
          const { result, unit } = compiledMicroStep(step, newest, window?.unit, microStep);
          const [weight, samples] = [before.weight + weightOf(batch), before.samples + samplesOf(batch)];
          return { ...before, unit, weight, samples, microBatches: [...before.microBatches, result], newest };
        } finally {
          disposeTensors(batch);
        }
      };
      const close = ({ unit, weight, samples, microBatches, newest }: Window): FullWindow => {
        const { batch, weights, reducers } = newest;
        const run = newest[RUN] && { [RUN]: newest[RUN] };
        const counts = { globalStep, microStep, epoch: batch.epoch ?? 1, samples, weight, worldSize: 1 };
        return { ...counts, weights, reducers, microBatches, scale: weight === 0 ? 1 : unit / weight, ...run };
      };
      const finish = map(({ scale, ...full }: FullWindow): StepResult => {
        try {
          const learningRate = rate.at(globalStep + 1);
          const scalars = step.finishWindow({ scale, learningRate, maxNorm: limit.at(globalStep + 1) });
          globalStep += 1;
          full.weights.updates += 1;
          return { ...full, globalStep, learningRate, ...scalars };
        } catch (error) {
          disposeTensors(full.microBatches);
          throw error;
        }
      });
      return source.pipe(
        size.whileRunning(),
        limit.whileRunning(),
        rate.whileRunning(),
        takesPart(
          'backward',
          () => ({ data: { microStep } }),
          ({ data }) => ({ microStep } = data as { microStep: number }),
        ),
        takesPart(
          'optimizerStep',
          () => ({ data: { globalStep }, tensors: step.state() }),
          (held) => {
            ({ globalStep } = held.data as { globalStep: number });
            const state = tensorsOf(held);
            if (globalStep > 0) step.setState(state);
            disposeTensors(state);
          },
        ),
        windows<ForwardPass, Window, FullWindow>({
          remainder: 'flush',
          add,
          isFull: ({ microBatches, size: wanted }) => microBatches.length === wanted,
          close,
          discard: ({ microBatches }) => disposeTensors(microBatches),
          hold: ({ microBatches, newest: _, ...counts }) => {
            const { data, tensors: scalars } = holdResults(microBatches, '');
            const window = { ...counts, globalStep, microBatches: data };
            return { data: window, tensors: { sum: step.gradients(1), ...scalars } };
          },
          restore: (held, newest) => {
            const { sum, ...scalars } = tensorsOf(held);
            const { microBatches: saved, ...counts } = held.data as unknown as Window & { microBatches: Json };
            const microBatches = restoreResults(saved, scalars, '');
            step.setGradients(sum as tf.Tensor1D, microBatches);
            sum!.dispose();
            return { ...counts, microBatches, newest };
          },
        }),
        reduce ? pipe(outsideGraph(step, reduce), finish) : finish,
        finalize(() => step.close()),
      );
    });
}
