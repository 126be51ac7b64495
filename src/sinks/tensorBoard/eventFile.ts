import { appendFileSync, mkdirSync, readdirSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';

import { encodeEvent, type EventMessage, type ValueMessage } from './messages.js';
import { record } from './record.js';

/** What the names of our files end with; TensorBoard asks for `tfevents` in them only. */
const SUFFIX = '.gradstream';
const NAME = /^events\.out\.tfevents\.(\d+)\./;
/** `SessionLog.START`. */
const START = 1;

/** A file of events that grows. */
export interface EventFile {
  /** Adds what was said at `atMs`, which is now unless given. */
  add(this: void, step: number, values: readonly ValueMessage[], atMs?: number): void;
  /** Bytes that are not in the file yet. */
  readonly pending: () => number;
  /** Appends what is pending. Whoever reads finds whole records, and at most one cut off at the end. */
  flush(this: void): void;
}

/**
 * A new file beside those that are in a run's folder already, which it goes on from at step `begin`.
 *
 * A TensorBoard that runs already, and one that reads files of other writers, forgets the steps from `begin` on that older files hold; of text and images
 * TensorBoard's readers for Python forget nothing.
 *
 * @param nowMs - The time, since 1970.
 */
export function eventFile(folder: string, begin: number, nowMs: () => number): EventFile {
  mkdirSync(folder, { recursive: true });
  const second = Math.max(Math.floor(nowMs() / 1000), ...eventFiles(folder).map((name) => secondOf(name) + 1));
  // Files are read in the order of their names.
  const name = `events.out.tfevents.${String(second).padStart(10, '0')}.${hostname()}.${process.pid}${SUFFIX}`;
  let held: Uint8Array[] = [];
  let pending = 0;
  const add = (event: Omit<EventMessage, 'wallTime'>, atMs = nowMs()): void => {
    const bytes = record(encodeEvent({ wallTime: atMs / 1000, ...event }));
    held.push(bytes);
    pending += bytes.length;
  };
  add({ fileVersion: 'brain.Event:2' });
  add({ step: begin, sessionLog: { status: START } });
  return {
    add: (step, value, atMs) => add({ step, summary: { value } }, atMs),
    pending: () => pending,
    flush: () => {
      if (pending === 0) return;
      appendFileSync(join(folder, name), Buffer.concat(held));
      [held, pending] = [[], 0];
    },
  };
}

/** The event files in a folder, whoever has written them; or only ours. */
export function eventFiles(folder: string, ours = false): string[] {
  try {
    return readdirSync(folder).filter((name) => NAME.test(name) && (!ours || name.endsWith(SUFFIX)));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}

function secondOf(name: string): number {
  return Number(NAME.exec(name)![1]);
}
