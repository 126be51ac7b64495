import { existsSync } from 'node:fs';
import { mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { fileStore } from '../checkpoint/fileStore.js';
import type { CheckpointStore } from '../checkpoint/store.js';
import { ConfigError } from './configError.js';

/** Where a run is recorded. */
export interface RunFolder {
  readonly path: string;
  /** Its events, a line each. */
  readonly events: string;
  readonly store: CheckpointStore;
}

/** What becomes of a run that is in the folder already. */
export type Former = 'refuse' | 'resume' | 'overwrite';

const [CONFIG, EVENTS, CHECKPOINTS] = ['config.json', 'events.jsonl', 'checkpoints'] as const;

/** A run's folder as it is; nothing is made. */
export function runFolder(path: string): RunFolder {
  return { path, events: join(path, EVENTS), store: fileStore(join(path, CHECKPOINTS)) };
}

/** @throws {@link ConfigError} (rejects), if another run is in the folder and nothing was said of it. */
export async function assertFree(path: string, former: Former): Promise<void> {
  const saved = await readdir(join(path, CHECKPOINTS)).catch(() => []);
  if (former === 'refuse' && (existsSync(join(path, EVENTS)) || saved.length > 0))
    throw new ConfigError(
      `${path} holds a run already: --resume goes on with it, --overwrite starts over, --set run=FOLDER takes another folder`,
    );
}

/** Makes a run's folder and keeps the run's hyper-parameters in it; what it holds already goes first, if it is to be overwritten. */
export async function openRunFolder(path: string, former: Former, hyperParameters: unknown): Promise<RunFolder> {
  // Nothing but what a run has written: the folder may be anybody's.
  if (former === 'overwrite')
    for (const name of [CONFIG, EVENTS, CHECKPOINTS]) await rm(join(path, name), { recursive: true, force: true });
  await mkdir(path, { recursive: true });
  await writeFile(join(path, CONFIG), `${JSON.stringify(hyperParameters, null, 2)}\n`);
  return runFolder(path);
}
