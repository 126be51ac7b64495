import { defer, finalize, map, pipe, type MonoTypeOperatorFunction, type OperatorFunction } from 'rxjs';

import { countedSamples, disposeTensors, weightOf } from './batch.js';
import { noteChanges } from './changes.js';
import type { CompiledStep } from './compiler.js';
import { compiledMicroStep } from './compiledMicroStep.js';
import { assertPositive, assertPositiveInteger } from './errors.js';
import { countsIn } from './heldData.js';
import { holdState, restoreState } from './heldState.js';
import { holdWindow, restoreWindow, type OpenWindow } from './heldWindow.js';
import { describeLive, liveValue, type Live } from './live.js';
import { liveRate, type Optimizer } from './optimizer.js';
import { outsideGraph, type FullWindow } from './outsideGraph.js';
import { RUN } from './run.js';
import { takesPart } from './runState.js';
import { placed } from './stepError.js';
import type { ForwardPass, GradientStep, StepResult } from './values.js';
import type { WeightSlot } from './weights.js';
import { windows } from './windows.js';

/** What of a training step is not in the graph. */
export interface StepOptions {
  readonly accumulate: Live;
  readonly clipNorm?: Live;
  readonly optimizer: Optimizer;
  readonly reduce?: MonoTypeOperatorFunction<GradientStep>;
}

type Window = OpenWindow & { readonly newest: ForwardPass };

const NOTHING = { weight: 0, samples: 0, microBatches: [] } as const;

/**
 * Runs passes through a compiled step: what `backward`, `accumulate`, clipping and `optimizerStep` do, with the same results.
 *
 * **Ownership**: takes the batches and the step, which it closes at the end; the results' scalars are the receiver's.
 */
export function compiledSteps(
  step: CompiledStep,
  options: StepOptions,
  slots: readonly WeightSlot[],
): OperatorFunction<ForwardPass, StepResult> {
  const { accumulate, clipNorm = 1, optimizer, reduce } = options;
  return (source) =>
    defer(() => {
      const size = liveValue(accumulate, 'accumulate', 'accumulate: microBatches', assertPositiveInteger);
      const limit = liveValue(clipNorm, 'clipByGlobalNorm', 'clipByGlobalNorm: maxNorm', assertPositive);
      const rate = liveRate(optimizer);
      let microStep = 0;
      let globalStep = 0;

      const add = (window: Window | undefined, newest: ForwardPass): Window => {
        const { batch } = newest;
        try {
          microStep += 1;
          const before = window ?? { size: size.at(globalStep + 1), globalStep, ...NOTHING };
          const { result, unit } = compiledMicroStep(step, newest, window?.unit, microStep);
          const [weight, samples] = [before.weight + weightOf(batch), before.samples + countedSamples(batch)];
          const microBatches = [...before.microBatches, result];
          return { size: before.size, globalStep: before.globalStep, unit, weight, samples, microBatches, newest };
        } catch (error) {
          throw placed(error, 'backward', globalStep + 1, microStep);
        } finally {
          disposeTensors(batch);
        }
      };
      const close = ({ size: wanted, unit, weight, samples, microBatches, newest }: Window): FullWindow => {
        const { batch, weights, reducers, [RUN]: run } = newest;
        const counts = { globalStep, microStep, epoch: batch.epoch ?? 1, samples, weight, worldSize: 1 };
        const full: FullWindow['full'] = { weights, reducers, microBatches, ...counts, ...(run && { [RUN]: run }) };
        return { full: noteChanges(full, size.apply(wanted)), scale: weight === 0 ? 1 : unit / weight };
      };
      const finish = map(({ full, scale }: FullWindow): StepResult => {
        full[RUN]?.times?.enter('update');
        try {
          const given = rate.at(globalStep + 1);
          const learningRate = given * (full[RUN]?.rate?.scale ?? 1);
          const maxNorm = limit.at(globalStep + 1);
          const scalars = step.finishWindow({ scale, learningRate, maxNorm });
          full.weights.updates += 1;
          const changes = [...limit.apply(maxNorm), ...rate.apply(given)];
          const made = { globalStep: ++globalStep, learningRate };
          return noteChanges(Object.assign({}, full, made, scalars), changes);
        } catch (error) {
          disposeTensors(full.microBatches);
          throw placed(error, 'optimizerStep', globalStep + 1, full.microStep);
        }
      });
      return source.pipe(
        size.whileRunning(),
        limit.whileRunning(),
        rate.whileRunning(),
        takesPart(
          'backward',
          () => ({ data: { microStep } }),
          ({ data }) => ({ microStep } = countsIn(data, ['microStep'], 'backward')),
        ),
        takesPart(
          'optimizerStep',
          () => holdState(optimizer, globalStep, globalStep > 0 ? step.namedState() : {}),
          (held) => {
            const saved = restoreState(optimizer, held, slots);
            ({ globalStep } = saved);
            if (globalStep > 0) step.setState(saved.state);
            disposeTensors(saved.state);
          },
        ),
        windows<ForwardPass, Window, FullWindow>({
          remainder: 'flush',
          options: { microBatches: describeLive(accumulate), remainder: 'flush' },
          add,
          isFull: ({ microBatches, size: wanted }) => microBatches.length === wanted,
          close,
          discard: ({ microBatches }) => disposeTensors(microBatches),
          release: ({ batch }) => disposeTensors(batch),
          hold: (window) => holdWindow(window, step.gradients(1), slots),
          restore: (held, newest) => {
            const { window, sum } = restoreWindow(held, slots, newest.metrics);
            try {
              step.setGradients(sum, window.microBatches);
            } finally {
              sum.dispose();
            }
            return { ...window, newest };
          },
        }),
        reduce ? pipe(outsideGraph(step, reduce), finish) : finish,
        finalize(() => step.close()),
      );
    });
}
