import { mkdir, mkdtemp, open, readdir, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';

import { CheckpointError } from '../core/errors.js';
import { checkedStore } from './checkedStore.js';
import { inTurn } from './inTurn.js';
import type { CheckpointStore } from './store.js';

/** How a checkpoint's folder is called until it is whole, and when it is about to be deleted. */
const UNFINISHED = '.unfinished-';
/** How a whole one is called while another takes its place. */
const REPLACED = '.replaced-';

/**
 * Keeps each checkpoint in a folder of its own, in Node.
 *
 * The files are written to a folder with another name, brought to the disk, and moved: a process that is killed leaves the checkpoint whole or
 * not at all, and the one before it under the same name until then. What such a process has left is cleared away with the next save.
 *
 * One run at a time may save in a folder; others may read.
 *
 * @example
 * ```ts
 * const store = fileStore('runs/first');
 * const run$ = train(model, batches, { loss: mse, optimizer: adam(), from: await latest(store) });
 * ```
 *
 * @param folder - Made if it is not there.
 * Rejects with {@link StoreError} if the file system fails (a full disk), and with {@link CheckpointError} for a name that is none, or of no checkpoint.
 */
export function fileStore(folder: string): CheckpointStore {
  const at = (name: string): string => join(folder, name);
  const turn = inTurn();

  const folders = async (): Promise<string[]> => {
    const found = await readdir(folder, { withFileTypes: true }).catch(unlessMissing([]));
    return found.filter((entry) => entry.isDirectory()).map(({ name }) => name);
  };
  const clear = (name: string): Promise<void> => rm(at(name), { recursive: true, force: true });

  /** Clears away what is left of a killed process, and gives what was about to be replaced its name back. */
  const tidyUp = async (): Promise<void> => {
    const names = await folders();
    for (const name of names) {
      const replaced = name.startsWith(REPLACED) ? name.slice(REPLACED.length) : undefined;
      if (replaced !== undefined && !names.includes(replaced)) await rename(at(name), at(replaced));
      else if (replaced !== undefined || name.startsWith(UNFINISHED)) await clear(name);
    }
  };

  /** Files only: a link may lead out of the folder, or to what never ends. */
  const filesIn = async (name: string): Promise<string[] | undefined> => {
    if (!(await folders()).includes(name)) return undefined;
    const found = await readdir(at(name), { withFileTypes: true }).catch(unlessMissing([]));
    const other = found.find((entry) => !entry.isFile());
    if (!other) return found.map(({ name: file }) => file);
    throw new CheckpointError(
      `fileStore ${folder}: a checkpoint must hold files only, ${join(name, other.name)} is none`,
    );
  };

  return checkedStore(`fileStore ${folder}`, {
    save: (name, files) =>
      turn(async () => {
        await mkdir(folder, { recursive: true });
        await tidyUp();
        try {
          const unfinished = await mkdtemp(at(UNFINISHED));
          for (const [file, bytes] of Object.entries(files)) await write(join(unfinished, file), bytes);
          await sync(unfinished);
          await rename(at(name), at(REPLACED + name)).catch(unlessMissing(undefined));
          await rename(unfinished, at(name));
          await sync(folder);
        } catch (error) {
          await tidyUp().catch(() => undefined); // the next save tries again; what counts is the first error
          throw error;
        }
        await tidyUp();
      }),
    list: async () => {
      const names = (await folders()).map((name) => name.replace(REPLACED, ''));
      return [...new Set(names)].filter((name) => !name.startsWith('.')).sort();
    },
    load: (name) =>
      turn(async () => {
        const place = (await filesIn(name)) ? name : REPLACED + name;
        const files = await filesIn(place);
        if (!files) throw new CheckpointError(`fileStore ${folder}: there must be a checkpoint '${name}'`);
        const read = files.map(async (file) => [file, new Uint8Array(await readFile(at(join(place, file))))] as const);
        return Object.fromEntries(await Promise.all(read));
      }),
    remove: (name) =>
      turn(async () => {
        await tidyUp();
        // Not listed from one moment to the next, however long deleting takes.
        await rename(at(name), at(UNFINISHED + name)).catch(unlessMissing(undefined));
        await clear(UNFINISHED + name);
      }),
  });
}

function unlessMissing<T>(instead: T): (error: NodeJS.ErrnoException) => T {
  return (error) => {
    if (error.code === 'ENOENT') return instead;
    throw error;
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
