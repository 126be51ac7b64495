import { CheckpointError, messageOf } from '../core/errors.js';
import type { Checkpoint } from '../core/snapshot.js';
import { fromFiles } from './files.js';
import type { CheckpointStore } from './store.js';

/** Options of {@link latest}. */
export interface LatestOptions {
  /** Takes the one before if the newest is broken. */
  readonly orPrevious?: boolean;
}

/**
 * The newest checkpoint of a store, undefined if there is none: what `train(…, { from })` goes on from.
 *
 * @example
 * ```ts
 * const store = memoryStore();
 * train(model, batches, { loss: mse, optimizer: adam(), from: await latest(store) }).pipe(checkpointEvery(100, store)).subscribe();
 * ```
 *
 * @throws {@link CheckpointError} (rejects) if it is broken, which says how; with `orPrevious`, if all are.
 */
export async function latest(
  store: CheckpointStore,
  { orPrevious = false }: LatestOptions = {},
): Promise<Checkpoint | undefined> {
  const broken: string[] = [];
  for (const name of (await store.list()).reverse()) {
    try {
      return await fromFiles(await store.load(name));
    } catch (cause) {
      if (!(cause instanceof CheckpointError)) throw cause;
      broken.push(`${name}: ${messageOf(cause)}`);
      if (!orPrevious) break;
    }
  }
  if (broken.length === 0) return undefined;
  throw new CheckpointError(`latest: a checkpoint must be whole; ${broken.join('; ')}; see { orPrevious: true }`);
}
