import { ArgumentError } from '../core/errors.js';
import { blobStore } from './blobStore.js';
import type { CheckpointStore } from './store.js';

/** Bytes written at a time: of more, Chromium may say that its pipe broke instead of that the quota is used up. */
const PART = 64 * 1024;

/**
 * Keeps checkpoints in the browser's private file system (OPFS): large ones, and in workers, too.
 *
 * Each is whole or not at all, also if the tab is closed while it is saved. Tabs that save in one folder take turns.
 *
 * Needs a secure page (https or localhost) and a browser whose files can be written there (`createWritable`: Chromium 86, Firefox 111, Safari 26).
 *
 * **Memory**: none beyond the files given.
 *
 * @example
 * ```ts
 * const store = opfsStore('runs/first');
 * const run$ = train(model, batches, { loss: mse, optimizer: adam(), from: await latest(store) });
 * ```
 *
 * @param folder - Names with / between; made if it is not there.
 * @throws {@link ArgumentError} at once, if `folder` names none.
 * Rejects with {@link StoreError} if the browser refuses (its quota is used up), and with {@link CheckpointError} for a name that is none, or of no checkpoint.
 * @see https://fs.spec.whatwg.org
 */
export function opfsStore(folder: string): CheckpointStore {
  const path = folder.split('/').filter((part) => part !== '');
  if (path.length === 0 || path.some((part) => part === '.' || part === '..'))
    throw new ArgumentError(`opfsStore: folder must be names with / between, received '${folder}'`);
  const label = `opfsStore ${path.join('/')}`;

  const opened = async (): Promise<FileSystemDirectoryHandle> => {
    let place = await navigator.storage.getDirectory();
    for (const part of path) place = await place.getDirectoryHandle(part, { create: true });
    return place;
  };
  return blobStore(label, {
    write: async (key, bytes) => {
      const file = await (await opened()).getFileHandle(key, { create: true }); // empty, until what is written is closed
      const target = await file.createWritable();
      try {
        let at = 0;
        do {
          await target.write(bytes.subarray(at, at + PART) as Uint8Array<ArrayBuffer>);
          at += PART;
        } while (at < bytes.length);
        await target.close();
      } catch (error) {
        await target.abort().catch(() => undefined); // it may have been closed by the error
        throw error;
      }
    },
    read: async (key) => {
      const file = await (await opened()).getFileHandle(key).catch(unlessMissing);
      return file && new Uint8Array(await (await file.getFile()).arrayBuffer());
    },
    delete: async (key) => {
      await (await opened()).removeEntry(key).catch(unlessMissing);
    },
    sizes: async () => {
      const sizes = new Map<string, number>();
      for await (const entry of (await opened()).values())
        if (entry.kind === 'file') sizes.set(entry.name, (await (entry as FileSystemFileHandle).getFile()).size);
      return sizes;
    },
    alone: <T>(work: () => Promise<T>) => navigator.locks.request(`gradstream ${label}`, work) as Promise<T>,
  });
}

function unlessMissing(error: DOMException): undefined {
  if (error.name !== 'NotFoundError') throw error;
}
