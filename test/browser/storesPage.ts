import { indexedDbStore, opfsStore, type CheckpointStore } from 'gradstream/checkpoint';

import { storeCases, type Place } from '../checkpoint/storeCases.js';

/** A place of each kind; what lies in it and around it is all that the page's origin keeps. */
const places: Record<string, (name: string) => Place> = {
  opfsStore: (name) => ({
    open: () => opfsStore(`runs/${name}`),
    contents: async () => filesIn(await navigator.storage.getDirectory(), ''),
  }),
  indexedDbStore: (name) => ({
    open: () => indexedDbStore(name),
    contents: async () => {
      const databases = (await indexedDB.databases()).map((database) => database.name!);
      return [...databases, ...(await indexedDbStore(name).list())].sort();
    },
  }),
};

async function filesIn(folder: FileSystemDirectoryHandle, path: string): Promise<string[]> {
  const found: string[] = [];
  for await (const entry of folder.values()) {
    const here = `${path}/${entry.name}`;
    found.push(...(entry.kind === 'file' ? [here] : await filesIn(entry as FileSystemDirectoryHandle, here)));
  }
  return found.sort();
}

const open = (kind: string, place: string): CheckpointStore => places[kind]!(place).open();
/** Bytes that do not compress, lest a full disk take them; the first is n. */
const noise = (n: number, count: number): Uint8Array => {
  let state = n;
  return new Uint8Array(count).map((_, i) =>
    i === 0 ? n : (state = (Math.imul(state, 1664525) + 1013904223) | 0) >>> 24,
  );
};
const files = (n: number, bytes = 3): Record<string, Uint8Array> => ({
  'a.bin': noise(n, bytes),
  'b.json': noise(n, 1),
});

// Playwright calls them by their names.
Object.assign(globalThis, {
  runCase: (kind: string, name: string, place: string) => storeCases[name]!.run(places[kind]!(place)),
  contents: (kind: string, place: string) => places[kind]!(place).contents(),
  list: (kind: string, place: string) => open(kind, place).list(),
  save: async (kind: string, place: string, name: string, n: number, bytes?: number) => {
    const error = await open(kind, place)
      .save(name, files(n, bytes))
      .catch((reason: unknown) => reason);
    if (!(error instanceof Error)) return 'saved';
    return `${error.name} of ${(error as { checkpoint?: string }).checkpoint}: ${error.message}`;
  },
  load: async (kind: string, place: string, name: string) => {
    const loaded = await open(kind, place).load(name);
    return Object.fromEntries(Object.entries(loaded).map(([file, bytes]) => [file, [bytes.length, bytes[0]]]));
  },
  thrown: (kind: string, place: string) => {
    try {
      return String(open(kind, place));
    } catch (error) {
      return String(error);
    }
  },
  /** What a tab leaves that was closed while it saved: files without an index, one half, and an index that is made but not written. */
  leaveHalf: async (place: string) => {
    let folder = await navigator.storage.getDirectory();
    for (const part of ['runs', place]) folder = await folder.getDirectoryHandle(part, { create: true });
    const generation = crypto.randomUUID();
    const half = await folder.getFileHandle(`half.${generation}.a.bin`, { create: true });
    const target = await half.createWritable();
    await target.write(Uint8Array.of(1));
    await target.close();
    await folder.getFileHandle(`half.${generation}.b.json`, { create: true });
    await folder.getFileHandle('half.checkpoint.json', { create: true });
  },
});
