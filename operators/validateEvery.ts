import { defer, map, type Observable, type OperatorFunction } from 'rxjs';

import { behindEvery } from '../src/core/behindEvery.js';
import { ArgumentError, StaleStepError } from '../src/core/errors.js';
import { evaluateBatches, type EvaluationSource } from '../src/core/evaluateBatches.js';
import type { TrainingEvent, ValidationEvent } from '../src/core/events.js';
import type { ChangeOf, Live, Schedule } from '../src/core/live.js';
import { toMetric, type Metrics } from '../src/core/metric.js';
import type { Passed } from '../src/core/passed.js';
import { RUN } from '../src/core/run.js';
import type { StepResult } from '../src/core/values.js';

/**
 * Validates the weights after every `every`-th step, and adds the result on the same axis of global steps.
 *
 * Training and validation can only be compared where they are counted alike.
 *
 * ```text
 * source:  --1--2------3--4------|
 *             validateEvery(2, data)
 * output:  --1--2--V---3--4--W---|        V.globalStep = 2   W.globalStep = 4
 * ```
 *
 * Training waits while it runs, on the model and with the loss that `forward` was given. The step goes on first, then the validation. Works on
 * steps before and behind `readback`, as long as the weights are still those of the step. The data is gone through afresh each time, with the
 * model in inference mode. Behind `averageWeights` it is the averaged weights that are validated.
 *
 * **Cost**: forward passes over the data and one device read. **Ownership**: takes and disposes the batches of `data`.
 *
 * @example
 * ```ts
 * train(model, batches, { loss: mse, optimizer: adam() }).pipe(validateEvery(100, held, { mae }), logEvery(50)).subscribe(console.log);
 * ```
 *
 * @param every - Optimizer steps between two validations: a positive integer, a schedule, or an Observable.
 * @param data - Batches: whatever `fromPull` takes (a generator only once; give a function that makes one), or an Observable.
 * @param metrics - Left out, those that `forward` was given.
 * @throws {@link ArgumentError} at once, if `every` is no positive integer. Errors with it, if the values do not come from `forward`.
 * Errors with {@link StaleStepError}, if the weights have moved on; with whatever the data or the model fail with.
 */
export function validateEvery<T extends StepResult | TrainingEvent, N extends Live = number | Schedule>(
  every: N,
  data: EvaluationSource,
  metrics?: Metrics,
): OperatorFunction<T, Passed<T> | ValidationEvent | ChangeOf<N>> {
  return behindEvery<T, ValidationEvent, N>('validateEvery', every, (step) => validation(step, data, metrics));
}

function validation(
  step: StepResult | TrainingEvent,
  data: EvaluationSource,
  given?: Metrics,
): Observable<ValidationEvent> {
  return defer(() => {
    const run = step[RUN];
    if (!run?.model || !run.loss)
      throw new ArgumentError('validateEvery: the steps must come from forward, received steps without a model');
    const own = given && Object.fromEntries(Object.entries(given).map(([name, each]) => [name, toMetric(each)]));
    const metrics = own ?? run.metrics ?? {};
    const assertFresh = (): void => {
      const globalStep = run.globalStep?.() ?? step.globalStep;
      if (globalStep !== step.globalStep) throw new StaleStepError('validateEvery', step.globalStep, globalStep);
    };
    assertFresh();
    run.times?.enter('validation');
    return evaluateBatches(data, { model: run.averaged ?? run.model, loss: run.loss, metrics }).pipe(
      map((evaluation): ValidationEvent => {
        assertFresh();
        const { globalStep, epoch } = step;
        const weights = run.averaged && { weights: 'averaged' as const };
        return { type: 'validation', globalStep, epoch, ...evaluation, ema: {}, ...weights, [RUN]: run };
      }),
    );
  });
}
