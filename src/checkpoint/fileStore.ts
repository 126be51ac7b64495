import { mkdir, mkdtemp, open, readdir, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';

import { CheckpointError } from '../core/errors.js';
import type { CheckpointStore } from './store.js';

/** How a checkpoint's folder is called until it is whole. */
const UNFINISHED = '.unfinished-';

/**
 * Keeps each checkpoint in a folder of its own, in Node.
 *
 * The files are written to a folder with another name, brought to the disk, and moved: a process that is killed leaves the checkpoint whole or
 * not at all. What such a process has left is cleared away with the next save.
 *
 * @example
 * ```ts
 * const store = fileStore('runs/first');
 * const run$ = train(model, batches, { loss: mse, optimizer: adam(), from: await latest(store) });
 * ```
 *
 * @param folder - Made if it is not there.
 * Rejects with what the file system says, and with {@link CheckpointError} for a name that would lead outside of the folder.
 */
export function fileStore(folder: string): CheckpointStore {
  const at = (name: string): string => {
    if (!/^[\w-]+$/.test(name))
      throw new CheckpointError(`fileStore: a name must be of letters, digits, - and _, received '${name}'`);
    return join(folder, name);
  };
  const entries = async (): Promise<string[]> => {
    await mkdir(folder, { recursive: true });
    const found = await readdir(folder, { withFileTypes: true });
    return found.filter((entry) => entry.isDirectory()).map(({ name }) => name);
  };
  return {
    save: async (name, files) => {
      const place = at(name);
      const left = (await entries()).filter((entry) => entry.startsWith(UNFINISHED));
      await Promise.all(left.map((entry) => rm(join(folder, entry), { recursive: true, force: true })));
      const unfinished = await mkdtemp(join(folder, UNFINISHED));
      try {
        for (const [file, bytes] of Object.entries(files)) await write(join(unfinished, file), bytes);
        await rm(place, { recursive: true, force: true });
        await rename(unfinished, place);
        await sync(folder);
      } catch (error) {
        await rm(unfinished, { recursive: true, force: true });
        throw error;
      }
    },
    list: async () => (await entries()).filter((name) => !name.startsWith('.')).sort(),
    load: async (name) => {
      const place = at(name);
      const files = await readdir(place);
      const read = files.map(async (file) => [file, new Uint8Array(await readFile(join(place, file)))] as const);
      return Object.fromEntries(await Promise.all(read));
    },
    remove: async (name) => {
      // Under another name first, so that a process that is killed meanwhile leaves no half of it in the list.
      const doomed = join(folder, `${UNFINISHED}removed-${name}`);
      try {
        await rename(at(name), doomed);
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
      }
      await rm(doomed, { recursive: true, force: true });
    },
  };
}

async function write(path: string, bytes: Uint8Array): Promise<void> {
  const file = await open(path, 'w');
  try {
    await file.writeFile(bytes);
    await file.sync();
  } finally {
    await file.close();
  }
}

/** Brings a folder's list of names to the disk. */
async function sync(folder: string): Promise<void> {
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
