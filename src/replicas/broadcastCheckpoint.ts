import { fromFiles, toFiles } from '../checkpoint/files.js';
import type { Collective, CollectiveOptions } from '../core/collective.js';
import type { Checkpoint } from '../core/snapshot.js';

/** The checkpoint of rank 0, if it has one, on every rank; so that only rank 0 need reach the store. */
export async function broadcastCheckpoint(
  collective: Collective,
  checkpoint: Checkpoint | undefined,
  options: CollectiveOptions = {},
): Promise<Checkpoint | undefined> {
  const own = checkpoint ? await toFiles(checkpoint) : {};
  const sizes = Object.entries(own).map(([name, { length }]) => [name, length] as const);
  const [said] = await collective.allGather(new TextEncoder().encode(JSON.stringify(sizes)), options);
  const files: Record<string, Uint8Array> = {};
  for (const [name, length] of JSON.parse(new TextDecoder().decode(said)) as typeof sizes) {
    const bytes = own[name] ?? new Uint8Array(length);
    await collective.broadcast(bytes, 0, options);
    files[name] = bytes;
  }
  return Object.keys(files).length > 0 ? fromFiles(files) : undefined;
}
