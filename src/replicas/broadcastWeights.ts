import { firstValueFrom, from } from 'rxjs';

import type { Collective, CollectiveOptions } from '../core/collective.js';
import { allVariablesOf, type Model } from '../core/model.js';
import { tensors } from '../core/tensors.js';

/**
 * Gives every replica the weights of rank 0, so that all begin as one.
 *
 * Models that are made in several processes begin with other weights, unless each was given the same seed.
 *
 * To be awaited before the run, and after weights have been loaded on rank 0. All variables count, those that training does not change, too.
 *
 * **Cost**: one message for each variable.
 *
 * @example
 * ```ts
 * const collective = await mpi();
 * await broadcastWeights(collective, model);
 * ```
 *
 * @param options - How long to wait for the others, and what ends the wait.
 */
export async function broadcastWeights(
  collective: Collective,
  model: Model,
  options: CollectiveOptions = {},
): Promise<void> {
  for (const variable of allVariablesOf(model)) {
    const { dtype, shape } = variable;
    const values = await firstValueFrom(from(tensors().read(variable))); // an array of its own, which may be written to
    await collective.broadcast(values, 0, options);
    if (collective.rank !== 0) tensors().tidy(() => variable.assign(tensors().tensor(values, shape, dtype)));
  }
}
