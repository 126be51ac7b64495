import type * as tf from '@tensorflow/tfjs';
import { defer, finalize, from, tap, type Observable, type ObservableInput } from 'rxjs';

import { ModelError } from '../core/errors.js';
import { allVariablesOf, type Model } from '../core/model.js';
import { weightsOf } from '../core/weights.js';

/** Variables that a fork works on. */
const forked = new WeakSet<tf.Variable>();

/**
 * Does something with a model, and leaves the model as it was, bit for bit.
 *
 * Trying things out (a learning rate, a batch size, ten steps on other data) must not change what is being trained.
 *
 * ```text
 * work:    --a--b--|
 *             fork(model, () => work)
 * output:  --a--b--|
 * weights: w-x--y--w        as before, when it is heard that the work is over
 * ```
 *
 * All variables are put back, those that training does not change (a batch norm's averages) among them, before the end, an error or an unsubscription
 * goes on. A `train` in it has its own optimizer state, counts, seeds and place in the data: give it `from` to start from a checkpoint, and sources that can
 * be read again. What a model keeps elsewhere than in its variables (the state of a stateful recurrent layer) is not known here. A run on the same model
 * must wait meanwhile; in a run of your own, `waitMap((event) => fork(…))` makes it wait.
 *
 * **Memory**: another set of variables, once the work changes them; nothing is copied.
 * **Ownership**: the variables stay the model's.
 *
 * @example
 * ```ts
 * const tried$ = fork(model, () => train(model, batches, { loss: mse, optimizer: sgd({ learningRate: 1 }), steps: 10 }));
 * ```
 *
 * @param work - What is done meanwhile: an Observable, a promise, or whatever else RxJS subscribes to.
 * @throws {@link ModelError} (down the channel), if another fork works on the model.
 * @see {@link learningRateRangeTest}, {@link batchSizeProbe}
 */
export function fork<T>(model: Model, work: () => ObservableInput<T>): Observable<T> {
  return defer(() => {
    const weights = weightsOf(model);
    const variables = allVariablesOf(model);
    if (variables.some((variable) => forked.has(variable)))
      throw new ModelError('fork: the model must be let go by one fork before the next, received a second at a time');
    const { updates } = weights;
    let before = variables.map((variable) => variable.clone());
    variables.forEach((variable) => forked.add(variable));
    const restore = (): void => {
      if (before.length === 0) return;
      weights.updates = updates;
      variables.forEach((variable, i) => {
        if (!variable.isDisposed) variable.assign(before[i]!); // else its owner has done away with it
        before[i]!.dispose();
        forked.delete(variable);
      });
      before = [];
    };
    // Whoever hears of the end finds the model as it was: `finalize` alone would come after that.
    return defer(() => from(work())).pipe(tap({ complete: restore, error: restore }), finalize(restore));
  });
}
