import { defer, finalize, type OperatorFunction } from 'rxjs';

import { disposeTensors, samplesOf, weightOf } from './batch.js';
import type { CompiledStep } from './compiler.js';
import { assertPositive, assertPositiveInteger } from './errors.js';
import { assertRate, type Optimizer } from './optimizer.js';
import { liveValue, type Live } from './live.js';
import { RUN } from './run.js';
import type { ForwardPass, MicroBatchResult, StepResult } from './values.js';
import { windows } from './windows.js';

/** What of a training step may change while it runs. */
export interface LiveOptions {
  readonly accumulate: Live;
  readonly clipNorm?: Live;
  readonly optimizer: Optimizer;
}

interface Window {
  readonly size: number;
  /** The weight that counts 1 in the sum of the gradients. */
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
export function compiledSteps(step: CompiledStep, options: LiveOptions): OperatorFunction<ForwardPass, StepResult> {
  const { accumulate, clipNorm = 1, optimizer } = options;
  return (source) =>
    defer(() => {
      const size = liveValue(accumulate, 'accumulate: microBatches', assertPositiveInteger);
      const limit = liveValue(clipNorm, 'clipByGlobalNorm: maxNorm', assertPositive);
      const rate = liveValue(
        optimizer.learningRate,
        `optimizerStep: the learning rate of ${optimizer.name}`,
        assertRate,
      );
      let microStep = 0;
      let globalStep = 0;

      const add = (window: Window | undefined, newest: ForwardPass): Window => {
        const { batch } = newest;
        try {
          microStep += 1;
          const weight = weightOf(batch);
          const { unit, ...before } = window ?? {
            size: size.at(globalStep + 1),
            unit: weight || 1,
            weight: 0,
            samples: 0,
            microBatches: [],
          };
          const result = step.microStep(batch, { opens: !window, share: weight / unit }, microStep);
          return {
            ...before,
            unit,
            weight: before.weight + weight,
            samples: before.samples + samplesOf(batch),
            microBatches: [...before.microBatches, result],
            newest,
          };
        } catch (error) {
          disposeTensors(window?.microBatches);
          throw error;
        } finally {
          disposeTensors(batch);
        }
      };
      const close = ({ unit, weight, samples, microBatches, newest }: Window): StepResult => {
        try {
          const learningRate = rate.at(globalStep + 1);
          const maxNorm = limit.at(globalStep + 1);
          const scalars = step.finishWindow({ scale: weight === 0 ? 1 : unit / weight, learningRate, maxNorm });
          globalStep += 1;
          newest.weights.updates += 1;
          const { batch, weights, reducers } = newest;
          const epoch = batch.epoch ?? 1;
          const run = newest[RUN] && { [RUN]: newest[RUN] };
          const counts = { globalStep, microStep, epoch, samples, weight, worldSize: 1 };
          return { ...counts, learningRate, microBatches, weights, reducers, ...scalars, ...run };
        } catch (error) {
          disposeTensors(microBatches);
          throw error;
        }
      };
      return source.pipe(
        size.whileRunning(),
        limit.whileRunning(),
        rate.whileRunning(),
        windows<ForwardPass, Window, StepResult>({
          remainder: 'flush',
          add,
          isFull: ({ microBatches, size: wanted }) => microBatches.length === wanted,
          close,
          discard: ({ microBatches }) => disposeTensors(microBatches),
        }),
        finalize(() => step.close()),
      );
    });
}
