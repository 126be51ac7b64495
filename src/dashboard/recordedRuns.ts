import { existsSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';

import { asyncScheduler } from 'rxjs';

import { recordedRun, type RecordedRun } from './recordedRun.js';

/** The runs that are recorded in a folder. */
export interface RecordedRuns {
  readonly runs: ReadonlyMap<string, RecordedRun>;
  /** Takes in what is new: runs, and events of each. */
  look(): Promise<void>;
}

const EVENTS = 'events.jsonl';

/** @param folder - One that has a folder for each run, or a run's own. */
export function recordedRuns(folder: string, now: () => number = () => asyncScheduler.now()): RecordedRuns {
  const path = resolve(folder);
  let runs: ReadonlyMap<string, RecordedRun> = new Map();

  const places = async (): Promise<[name: string, events: string][]> => {
    const entries = await readdir(path, { withFileTypes: true });
    const folders = entries.filter((entry) => entry.isDirectory() || entry.isSymbolicLink()).map(({ name }) => name);
    const all = [
      [basename(path), join(path, EVENTS)],
      ...folders.sort().map((name) => [name, join(path, name, EVENTS)]),
    ] as [string, string][];
    return all.filter(([, events]) => existsSync(events));
  };
  return {
    get runs() {
      return runs;
    },
    look: async () => {
      runs = new Map(
        (await places()).map(([name, events]) => [name, runs.get(name) ?? recordedRun(name, events, now)]),
      );
      for (const run of runs.values())
        await run.readOn().catch((error: unknown) => {
          if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error; // it has just been removed
        });
    },
  };
}
