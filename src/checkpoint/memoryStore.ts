import { CheckpointError } from '../core/errors.js';
import { checkedStore } from './checkedStore.js';
import type { CheckpointStore, Files } from './store.js';

/**
 * Keeps checkpoints in memory: for tests, and to go back within one process.
 *
 * **Memory**: a copy of each checkpoint, until it is removed.
 *
 * @example
 * ```ts
 * const store = memoryStore();
 * train(model, batches, { loss: mse, optimizer: adam() }).pipe(checkpointEvery(100, store)).subscribe();
 * ```
 */
export function memoryStore(): CheckpointStore {
  const kept = new Map<string, Files>();
  return checkedStore('memoryStore', {
    save: async (name, files) => void kept.set(name, copied(files)),
    list: async () => [...kept.keys()].sort(),
    load: async (name) => {
      const files = kept.get(name);
      if (!files) throw new CheckpointError(`memoryStore: there must be a checkpoint '${name}'`);
      return copied(files);
    },
    remove: async (name) => void kept.delete(name),
  });
}

function copied(files: Files): Files {
  return Object.fromEntries(Object.entries(files).map(([name, bytes]) => [name, new Uint8Array(bytes)]));
}
