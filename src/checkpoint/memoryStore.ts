import { CheckpointError } from '../core/errors.js';
import type { CheckpointStore, Files } from './store.js';

/**
 * Keeps checkpoints in memory: for tests, and to go back within one process.
 *
 * @example
 * ```ts
 * const store = memoryStore();
 * train(model, batches, { loss: mse, optimizer: adam() }).pipe(checkpointEvery(100, store)).subscribe();
 * ```
 */
export function memoryStore(): CheckpointStore {
  const kept = new Map<string, Files>();
  return {
    save: (name, files) => {
      kept.set(name, structuredClone(files));
      return Promise.resolve();
    },
    list: () => Promise.resolve([...kept.keys()].sort()),
    load: (name) => {
      const files = kept.get(name);
      if (!files) return Promise.reject(new CheckpointError(`memoryStore: there must be a checkpoint '${name}'`));
      return Promise.resolve(structuredClone(files));
    },
    remove: (name) => Promise.resolve(void kept.delete(name)),
  };
}
