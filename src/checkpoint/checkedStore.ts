import { CheckpointError, messageOf } from '../core/errors.js';
import type { CheckpointStore } from './store.js';
import { StoreError } from './storeError.js';

/** What a file of a checkpoint may be called. */
export const FILE_NAME: RegExp = /^[\w-][\w.-]{0,99}$/;

/**
 * A store whose names are checked before it sees them, and whose failures say which store and which checkpoint they are about.
 *
 * Names become parts of paths and keys, so only what means the same everywhere is let through.
 *
 * @throws {@link CheckpointError} (rejects) for a name of a checkpoint or a file that is none.
 * Rejects with {@link StoreError} for whatever else the store rejects with.
 */
export function checkedStore(label: string, store: CheckpointStore): CheckpointStore {
  const mustBe = (valid: RegExp, what: string, name: string): void => {
    if (valid.test(name)) return;
    const received = JSON.stringify(name).slice(0, 160);
    throw new CheckpointError(`${label}: ${what} must have 1 to 100 letters, digits, - and _, received ${received}`);
  };
  const mustBeName = (name: string): void => mustBe(/^[\w-]{1,100}$/, "a checkpoint's name", name);
  const mustBeFile = (name: string): void => mustBe(FILE_NAME, "a file's name (which may have dots inside)", name);

  const telling = async <T>(done: string, checkpoint: string | undefined, work: () => Promise<T>): Promise<T> => {
    try {
      return await work();
    } catch (cause) {
      if (cause instanceof CheckpointError || cause instanceof StoreError) throw cause;
      const what = checkpoint === undefined ? 'checkpoints' : `checkpoint '${checkpoint}'`;
      throw new StoreError(`${label}: ${what} could not be ${done}: ${reasonOf(cause)}`, label, checkpoint, { cause });
    }
  };
  return {
    save: (name, files) =>
      telling('saved', name, async () => {
        mustBeName(name);
        Object.keys(files).forEach(mustBeFile);
        await store.save(name, files);
      }),
    list: () => telling('listed', undefined, () => store.list()),
    load: (name) =>
      telling('loaded', name, async () => {
        mustBeName(name);
        return store.load(name);
      }),
    remove: (name) =>
      telling('removed', name, async () => {
        mustBeName(name);
        await store.remove(name);
      }),
  };
}

/** What the system said. Node's error for a host with several addresses has a code and no message, a browser's for its quota only a name. */
function reasonOf(cause: unknown): string {
  const { code, name } = (cause ?? {}) as { readonly code?: unknown; readonly name?: unknown };
  return messageOf(cause) || String(typeof code === 'string' ? code : name);
}
