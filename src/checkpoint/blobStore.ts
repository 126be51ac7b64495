import * as v from 'valibot';

import { CheckpointError } from '../core/errors.js';
import type { Blobs } from './blobs.js';
import { checkedStore, FILE_NAME } from './checkedStore.js';
import type { CheckpointStore } from './store.js';

/** What is at `NAME.checkpoint.json`: which files the checkpoint has, with their bytes, and under which generation they were written. */
const Index = v.object({
  generation: v.pipe(v.string(), v.uuid()),
  files: v.pipe(
    v.array(v.tuple([v.pipe(v.string(), v.regex(FILE_NAME)), v.pipe(v.number(), v.safeInteger(), v.minValue(0))])),
    v.check((files) => new Set(files.map(([file]) => file)).size === files.length, 'each file once'),
  ),
});

const indexKey = (name: string): string => `${name}.checkpoint.json`;
const fileKey = (name: string, generation: string, file: string): string => `${name}.${generation}.${file}`;
/** Whatever else lies beside them is none of ours, and is never touched. */
const FILE = /^([\w-]+)\.([\da-f]{8}(?:-[\da-f]{4}){3}-[\da-f]{12})\.[\w.-]+$/;
const INDEX = /^([\w-]+)\.checkpoint\.json$/;

/**
 * A store of single blobs, where nothing can be moved or written together.
 *
 * The files of a checkpoint are written first, each save's under keys of its own; the index, which names them, last. So it is the one write of the
 * index that makes a checkpoint whole, or puts a new one in an old one's place. Removing begins with the index. What has no index is not
 * listed, and is cleared away with the next save.
 *
 * @see {@link Blobs} for what it needs.
 */
export function blobStore(label: string, blobs: Blobs): CheckpointStore {
  const indexOf = async (name: string): Promise<v.InferOutput<typeof Index> | undefined> => {
    const parsed = v.safeParse(Index, jsonIn(await blobs.read(indexKey(name))));
    return parsed.success ? parsed.output : undefined;
  };
  const clear = async (keys: readonly string[]): Promise<void> => {
    for (const key of keys) await blobs.delete(key);
  };
  const names = (sizes: ReadonlyMap<string, number>): string[] =>
    [...sizes].flatMap(([key, size]) => (size > 0 && INDEX.exec(key)?.[1]) || []);

  return checkedStore(label, {
    save: (name, files) =>
      blobs.alone(async () => {
        const sizes = await blobs.sizes();
        const whole = new Set(names(sizes));
        const old = whole.has(name) ? (await indexOf(name))?.generation : undefined;
        const rests: string[] = [];
        const replaced: string[] = [];
        for (const [key, size] of sizes) {
          const [, of, generation] = FILE.exec(key) ?? [];
          if (of === name && generation === old) replaced.push(key);
          else if (of === undefined ? size === 0 && INDEX.test(key) : of === name || !whole.has(of)) rests.push(key);
        }
        await clear(rests);

        const generation = crypto.randomUUID();
        for (const [file, bytes] of Object.entries(files)) await blobs.write(fileKey(name, generation, file), bytes);
        const index = { generation, files: Object.entries(files).map(([file, { byteLength }]) => [file, byteLength]) };
        await blobs.write(indexKey(name), new TextEncoder().encode(JSON.stringify(index)));
        await clear(replaced);
      }),
    list: async () => names(await blobs.sizes()).sort(),
    load: (name) =>
      blobs.alone(async () => {
        const index = await indexOf(name);
        if (!index) throw new CheckpointError(`${label}: there must be a checkpoint '${name}'`);
        const sizes = await blobs.sizes(); // nothing is read that is not as large as it should be
        const read = index.files.map(async ([file, size]) => {
          const key = fileKey(name, index.generation, file);
          const bytes = sizes.get(key) === size ? await blobs.read(key) : undefined;
          if (bytes?.byteLength === size) return [file, bytes] as const;
          throw new CheckpointError(
            `${label}: checkpoint '${name}' must have ${size} bytes in ${file}, it has ${bytes?.byteLength ?? sizes.get(key) ?? 'none'}`,
          );
        });
        return Object.fromEntries(await Promise.all(read));
      }),
    remove: (name) =>
      blobs.alone(async () => {
        await blobs.delete(indexKey(name));
        await clear([...(await blobs.sizes()).keys()].filter((key) => FILE.exec(key)?.[1] === name));
      }),
  });
}

/** Undefined if it is none. */
function jsonIn(bytes: Uint8Array | undefined): unknown {
  try {
    return JSON.parse(new TextDecoder().decode(bytes));
  } catch {
    return undefined; // an index that cannot be read is as good as none
  }
}
