import type * as tf from '@tensorflow/tfjs';
import { defer, finalize, map, type OperatorFunction } from 'rxjs';

import { disposeTensors } from '../src/core/batch.js';
import { ArgumentError, ModelError, StaleGradientError } from '../src/core/errors.js';
import { noteChanges } from '../src/core/changes.js';
import { holdState, restoreState } from '../src/core/heldState.js';
import { nameVectors } from '../src/core/namedVectors.js';
import { checkRate, liveRate, type Optimizer, type OptimizerState, type Updated } from '../src/core/optimizer.js';
import { RUN } from '../src/core/run.js';
import { takesPart } from '../src/core/runState.js';
import { placed } from '../src/core/stepError.js';
import { tensors } from '../src/core/tensors.js';
import type { GradientStep, StepResult } from '../src/core/values.js';
import { flatten, unflatten, type Weights } from '../src/core/weights.js';

/**
 * Changes the weights by each gradient step, and counts: the only place where `globalStep` advances.
 *
 * ```text
 * source:  --x-----y-----(z|)
 *             optimizerStep(adam())
 * output:  --1-----2-----(3|)        1 = { globalStep: 1, microBatches, learningRate, … }
 * ```
 *
 * Step s turns weights s−1 into s; the first is 1. The learning rate is read for each step: a number, a schedule of the global step, or an
 * Observable's latest value; times what `reduceOnPlateau` has made of it. Each subscription starts with a fresh optimizer state and at step 1.
 *
 * **Cost**: a few ops for all variables together, and three cheap ones for each. **Memory**: as the optimizer says; sets of weights.
 * **Ownership**: takes the gradients and disposes them; owns the optimizer's state; the result's scalars are the receiver's.
 *
 * @example
 * ```ts
 * steps$.pipe(accumulate(4), optimizerStep(adamw({ learningRate: cosine(3e-4, 10_000) })), readback());
 * ```
 *
 * @param optimizer - A pair of pure functions, `init` and `update`.
 * @throws {@link ArgumentError} at once, if `optimizer` is none.
 * Errors with {@link StaleGradientError}, if the gradients come from other weights; {@link ModelError}, if two models meet;
 * {@link StepError}, if the optimizer or the device fails.
 * @see {@link readback} for turning the result into numbers.
 */
export function optimizerStep(optimizer: Optimizer): OperatorFunction<GradientStep, StepResult> {
  if (typeof optimizer?.update !== 'function') {
    throw new ArgumentError(
      `optimizerStep: the optimizer must have init and update, received ${String(optimizer)}; see adam(), fromTf()`,
    );
  }
  checkRate(optimizer);

  return (source) =>
    defer(() => {
      const rate = liveRate(optimizer);
      let globalStep = 0;
      let weights: Weights | undefined;
      let state: OptimizerState = {};

      return source.pipe(
        rate.whileRunning(),
        takesPart(
          'optimizerStep',
          () => holdState(optimizer, globalStep, nameVectors(state, weights?.slots ?? [])),
          (held, step) => {
            ({ globalStep, state } = restoreState(optimizer, held, step.weights.slots));
            if (globalStep > 0) weights = step.weights; // until then there is no state
          },
        ),
        map((step) => {
          step[RUN]?.times?.enter('update');
          try {
            if (step.globalStep !== globalStep) throw new StaleGradientError(step.globalStep, globalStep);
            if (!weights) state = optimizer.init(step.weights.slots);
            weights ??= step.weights;
            if (weights !== step.weights)
              throw new ModelError('optimizerStep: one optimizer must train one model, received gradients of two');

            const given = rate.at(globalStep + 1);
            const learningRate = given * (step[RUN]?.rate?.scale ?? 1);
            state = apply(optimizer, step, state, learningRate);
            globalStep += 1;
            weights.updates += 1;
            const { gradients, ...rest } = step;
            gradients.dispose();
            return noteChanges({ ...rest, globalStep, learningRate }, rate.apply(given));
          } catch (error) {
            disposeTensors(step);
            throw placed(error, 'optimizerStep', globalStep + 1, step.microStep);
          }
        }),
        finalize(() => disposeTensors(state)),
      );
    });
}

/** Assigns new weights to the variables and gives back the new state; the old one is disposed. */
function apply(optimizer: Optimizer, step: GradientStep, state: OptimizerState, learningRate: number): OptimizerState {
  const { variables, slots } = step.weights;
  const next = tensors().tidy(() => {
    const before = flatten(variables);
    const updated = optimizer.update(step.gradients, state, before, learningRate);
    const after = step.finite ? unlessSkipped(step.finite, updated, { weights: before, state }) : updated;
    unflatten(after.weights, slots).forEach((value, i) => variables[i]!.assign(value));
    return after.state;
  });
  disposeTensors(state);
  return next;
}

/** The update where all was finite, what was before where not; decided on the device. */
function unlessSkipped(finite: tf.Scalar, updated: Updated, before: Updated): Updated {
  const { cast, where } = tensors();
  const isFinite = cast(finite, 'bool');
  return {
    weights: where(isFinite, updated.weights, before.weights),
    state: Object.fromEntries(
      Object.entries(updated.state).map(([slot, next]) => [slot, where(isFinite, next, before.state[slot]!)]),
    ),
  };
}
