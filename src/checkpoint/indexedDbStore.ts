import { openDB, type IDBPDatabase } from 'idb';

import { ArgumentError, CheckpointError } from '../core/errors.js';
import { checkedStore } from './checkedStore.js';
import type { CheckpointStore, Files } from './store.js';

const CHECKPOINTS = 'checkpoints';

/**
 * Keeps checkpoints in a browser's IndexedDB: everywhere, and simple to look at in the browser's tools.
 *
 * A save is one transaction, brought to the disk before it counts: whole or not at all, also if the tab is closed meanwhile. For large
 * models `opfsStore` writes less at a time.
 *
 * **Memory**: the browser copies a checkpoint while it saves it.
 *
 * @example
 * ```ts
 * const store = indexedDbStore('runs');
 * const run$ = train(model, batches, { loss: mse, optimizer: adam(), from: await latest(store) });
 * ```
 *
 * @param name - The database's; made if it is not there.
 * @throws {@link ArgumentError} at once, if `name` is empty.
 * Rejects with {@link StoreError} if the browser refuses (its quota is used up), and with {@link CheckpointError} for a name that is none, or of no checkpoint.
 */
export function indexedDbStore(name: string): CheckpointStore {
  if (!name) throw new ArgumentError('indexedDbStore: the name of the database must not be empty');
  const label = `indexedDbStore ${name}`;

  /** Open no longer than it is used: who would delete or upgrade it need not wait for a store that somebody forgot. */
  const using = async <T>(work: (database: IDBPDatabase) => Promise<T>): Promise<T> => {
    const database = await openDB(name, 1, { upgrade: (empty) => void empty.createObjectStore(CHECKPOINTS) });
    try {
      return await work(database);
    } finally {
      database.close();
    }
  };
  const change = (checkpoint: string, files: Files | undefined): Promise<void> =>
    using(async (database) => {
      const { store, done } = database.transaction(CHECKPOINTS, 'readwrite', { durability: 'strict' });
      const changed = files ? store.put(files, checkpoint) : store.delete(checkpoint);
      await Promise.all([changed, done]);
    });

  return checkedStore(label, {
    save: async (checkpoint, files) => change(checkpoint, withoutNeighbours(files)),
    list: () => using(async (database) => (await database.getAllKeys(CHECKPOINTS)) as string[]),
    load: (checkpoint) =>
      using(async (database) => {
        const files = (await database.get(CHECKPOINTS, checkpoint)) as Files | undefined;
        if (!files) throw new CheckpointError(`${label}: there must be a checkpoint '${checkpoint}'`);
        return files;
      }),
    remove: (checkpoint) => change(checkpoint, undefined),
  });
}

/** Bytes that are part of a larger buffer would take all of it with them. */
function withoutNeighbours(files: Files): Files {
  const own = Object.entries(files).map(([file, bytes]) => [
    file,
    bytes.byteLength === bytes.buffer.byteLength ? bytes : new Uint8Array(bytes),
  ]);
  return Object.fromEntries(own) as Files;
}
