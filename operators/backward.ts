import { defer, type OperatorFunction } from 'rxjs';

import { countedSamples, disposeTensors } from '../src/core/batch.js';
import { computeBackward } from '../src/core/compute.js';
import { computeParts } from '../src/core/computeParts.js';
import { countsIn } from '../src/core/heldData.js';
import { mapOwned } from '../src/core/mapOwned.js';
import { allVariablesOf } from '../src/core/model.js';
import { putBackOnFailure } from '../src/core/putBackOnFailure.js';
import { RUN } from '../src/core/run.js';
import { placed } from '../src/core/stepError.js';
import { tensors } from '../src/core/tensors.js';
import { takesPart } from '../src/core/runState.js';
import type { ForwardPass, MicroStep } from '../src/core/values.js';

/**
 * Computes loss, metrics and gradients of each forward pass.
 *
 * It is where the time goes. The results stay on the device; nothing is read.
 *
 * ```text
 * source:  --A--B--C--|
 *             backward()
 * output:  --1--2--3--|        1 = { loss, gradients, metrics, weight, microStep: 1, … }
 * ```
 *
 * The gradients are those of the mean loss over the batch (weighted, where the batch weighs its samples), as one vector.
 * A run that goes on where an epoch ended in mid-window begins with a micro-step of no samples and no weight, which `accumulate` takes out.
 *
 * **Shapes**: gradients `[number of weights]`, in the order of the variables; loss and metrics `[]`.
 * **Memory**: activations live until it returns; one set of gradients is handed on.
 * **Ownership**: takes the batch and disposes it; the result is the receiver's.
 *
 * @example
 * ```ts
 * fromPull(batches).pipe(forward(model, mse), backward(), map(({ loss }) => loss));
 * ```
 *
 * Errors with {@link BatchError}, {@link LossError}, {@link MetricError} for what does not fit, {@link ModelError} for a variable without gradient,
 * {@link StepError} for whatever else fails (a device without memory), with its place.
 * @see {@link accumulate}
 */
export function backward(): OperatorFunction<ForwardPass, MicroStep> {
  return (source) =>
    defer(() => {
      const passes = { count: 0 };
      return source.pipe(
        takesPart(
          'backward',
          () => ({ data: { microStep: passes.count } }),
          ({ data }) => (passes.count = countsIn(data, ['microStep'], 'backward').microStep),
        ),
        mapOwned((pass) => {
          const { batch, reducers, seed, weights, globalStep } = pass;
          pass[RUN]?.times?.enter('forwardBackward');
          const isRepeat = pass[RUN]?.isRepeat?.();
          if (!isRepeat) passes.count += 1;
          const microStep = passes.count;
          try {
            return {
              ...(isRepeat ? nothing(pass) : tensors().seededDraws(seed, microStep, () => compute(pass, microStep))),
              weights,
              globalStep: globalStep(),
              microStep,
              samples: isRepeat ? 0 : countedSamples(batch),
              epoch: batch.epoch ?? 1,
              reducers,
              worldSize: 1,
              ...(pass[RUN] && { [RUN]: { ...pass[RUN], passes } }),
            };
          } catch (error) {
            throw placed(error, 'backward', globalStep() + 1, microStep);
          } finally {
            disposeTensors(batch);
          }
        }),
      );
    });
}

/** What counts nothing, of the shape of what would be computed. */
function nothing({ weights, metrics }: ForwardPass): ReturnType<typeof computeBackward> {
  const { scalar, zeros } = tensors();
  const size = weights.slots.reduce((sum, slot) => sum + slot.size, 0);
  const zero = Object.keys(metrics).map((name) => [name, scalar(0)] as const);
  return { loss: scalar(0), metrics: Object.fromEntries(zero), gradients: zeros([size]), weight: 0 };
}

/** Computes the pass, in parts if it must be. */
function compute(pass: ForwardPass, microStep: number): ReturnType<typeof computeBackward> {
  const { parts, weights, model } = pass;
  if (!parts) return computeBackward(pass, weights, microStep);
  // A batch norm sets its averages on the way; a pass that is made again must not do so twice.
  const others = allVariablesOf(model).filter((variable) => !weights.variables.includes(variable));
  return computeParts(pass, microStep, ({ batch }) =>
    putBackOnFailure(others, () => computeBackward({ ...pass, batch }, weights, microStep)),
  );
}
