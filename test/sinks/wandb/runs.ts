import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import type { TrainingEvent } from '../../../src/core/events.js';
import { recordsOf } from '../../../src/sinks/wandb/log.js';
import { decodeRecord, type RecordMessage } from '../../../src/sinks/wandb/messages.js';
import { shownOf } from '../trackedScalars.js';

/** A row as W&B has it: `_step` and what is shown. */
export type Shown = Record<string, number>;

/** The rows that events are to give. */
export function rowsOf(events: readonly TrainingEvent[]): Shown[] {
  const rows = new Map<number, Shown>();
  for (const event of events) {
    const shown = shownOf(event);
    if (Object.keys(shown).length === 0) continue;
    rows.set(event.globalStep, { ...rows.get(event.globalStep), _step: event.globalStep, ...shown });
  }
  return [...rows.values()];
}

/** A row without its times, from JSON as Python writes it. */
export function withoutTimes({ _timestamp, _runtime, ...row }: Record<string, unknown>): Shown {
  return row as Shown;
}

/** JSON with NaN and Infinity in it. */
export function parsePythonJson(text: string): unknown {
  const words: Record<string, number> = { NaN, Infinity, '-Infinity': -Infinity };
  const quoted = text.replace(/(?<=^|[:,[])(NaN|-?Infinity)(?=$|[,\]}])/g, '"#$1"');
  return JSON.parse(quoted, (_, value: unknown) =>
    typeof value === 'string' && value.slice(1) in words && value.startsWith('#') ? words[value.slice(1)] : value,
  );
}

/** A folder for runs, in a place of its own. */
export function freshRuns(): { root: string; folder: string; dispose: () => void } {
  const root = mkdtempSync(join(tmpdir(), 'gradstream-wandb-'));
  return { root, folder: join(root, 'wandb'), dispose: () => rmSync(root, { recursive: true }) };
}

/** The file of the newest run in a folder. */
export function newestFile(folder: string): string {
  const files = readdirSync(folder)
    .filter((name) => name.startsWith('offline-run-'))
    .map((run) => join(folder, run, `run-${run.slice(28)}.wandb`));
  return files.sort((a, b) => statSync(a).mtimeMs - statSync(b).mtimeMs).at(-1)!;
}

export function recordsIn(path: string): RecordMessage[] {
  return recordsOf(readFileSync(path)).map(decodeRecord);
}

/** The rows in a file. */
export function rowsIn(path: string): Shown[] {
  return recordsIn(path).flatMap(({ history }) => {
    if (!history) return [];
    const values = history.item.map(({ nestedKey, valueJson }) => [nestedKey[0], parsePythonJson(valueJson)]);
    return [withoutTimes(Object.fromEntries(values) as Shown)];
  });
}
