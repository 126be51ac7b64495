import { appendFileSync, existsSync, readFileSync, renameSync, rmSync, truncateSync, writeFileSync } from 'node:fs';

import { asyncScheduler } from 'rxjs';

import type { TrainingEvent } from '../../core/events.js';
import { comesBefore } from '../comesBefore.js';
import { chunked, recordsOf, SIGNATURE } from './log.js';
import { decodeRecord, encodeRecord, type RecordMessage } from './messages.js';
import { itemsOf, jsonNumber, kindOf, recordsOfRow, rowOf, type Row, type Values } from './rows.js';

/** Files of others have more in them than is understood here, so they are left alone. */
const PRODUCER = 'gradstream';

/** The file of a run that is being written. */
export interface RunFile {
  /** Adds to the row of a step, which is in the file when the next step comes. */
  add(this: void, step: number, values: Values): void;
  /** Puts the row that is being made into the file, as it is by now. */
  flush(this: void): void;
  /** Says how the run has ended, and what W&B's table of runs is to show of that. */
  end(this: void, exitCode: number, summary: Values): void;
}

/** What is known of a run when it begins. */
export type Begin = Omit<NonNullable<RecordMessage['run']>, 'startTime'>;

/**
 * Begins the file of a run, or goes on with what it holds before the run's first event.
 *
 * @throws Error, if there is a file that something else has written.
 */
export function runFile(path: string, begin: Begin, first: TrainingEvent): RunFile {
  const known = existsSync(path) ? readRecords(path) : [];
  const startTime = known.find(({ run }) => run)?.run?.startTime ?? timeOf(asyncScheduler.now());
  const started = startTime.seconds * 1000 + (startTime.nanos ?? 0) / 1e6;
  const before = comesBefore(first);
  const unfinished = `${path}.new`;

  let file = unfinished;
  let end = { size: 0, num: 0 };
  let row: Row | undefined;
  let rowAt = end;
  let isWritten = true;
  const write = (records: readonly RecordMessage[]): void => {
    const parts: Uint8Array[] = [];
    let { size, num } = end;
    for (const record of records) {
      const part = chunked(encodeRecord(++num, record), size);
      parts.push(part);
      size += part.length;
    }
    appendFileSync(file, Buffer.concat(parts));
    end = { size, num };
  };
  const flush = (): void => {
    if (!row || isWritten) return;
    if (rowAt !== end) truncateSync(file, rowAt.size); // it is there with less in it
    end = rowAt;
    write(recordsOfRow(row));
    isWritten = true;
  };
  const add = (step: number, values: Values): void => {
    if (Object.keys(values).length === 0) return;
    if (row?.step !== step) {
      flush();
      rowAt = end;
    }
    row = { step, values: { ...(row?.step === step ? row.values : timesOf(step, started)), ...values } };
    isWritten = false;
  };

  const kept = known.flatMap((record) => {
    const row = rowOf(record);
    return row ? keptOf(row, before) : [];
  });
  writeFileSync(unfinished, SIGNATURE);
  end = { size: SIGNATURE.length, num: 0 };
  write([
    { header: { versionInfo: { producer: PRODUCER, minConsumer: '0.70.0' } } },
    { run: { ...begin, startTime } },
    ...kept.slice(0, -1).flatMap(recordsOfRow),
  ]);
  kept.slice(-1).forEach(({ step, values }) => add(step, values)); // the first event may be of its step
  flush();
  renameSync(unfinished, path);
  rmSync(`${path}.synced`, { force: true }); // else it would not be uploaded again
  file = path;
  return {
    add,
    flush,
    end: (exitCode, summary) => {
      flush();
      const runtime = Math.floor((asyncScheduler.now() - started) / 1000);
      write([{ summary: { update: itemsOf(summary) } }, { exit: { exitCode, runtime } }]);
    },
  };
}

function readRecords(path: string): RecordMessage[] {
  const bytes = readFileSync(path);
  const records = recordsOf(bytes).map(decodeRecord);
  const { header } = records[0] ?? {};
  if (header?.versionInfo.producer !== PRODUCER || !bytes.subarray(0, SIGNATURE.length).equals(SIGNATURE))
    throw new Error(`wandb: ${path} must be a run that gradstream has written, it is not; take another id`);
  return records;
}

/** What of a row comes before the first event. */
function keptOf({ step, values }: Row, before: ReturnType<typeof comesBefore>): Row[] {
  const kept = Object.entries(values).filter(([name]) => before({ type: kindOf(name), globalStep: step }));
  return kept.length === 0 ? [] : [{ step, values: Object.fromEntries(kept) }];
}

function timeOf(ms: number): { seconds: number; nanos: number } {
  return { seconds: Math.floor(ms / 1000), nanos: Math.round((ms % 1000) * 1e6) };
}

function timesOf(step: number, startedMs: number): Values {
  const now = asyncScheduler.now();
  return { _step: String(step), _runtime: jsonNumber((now - startedMs) / 1000), _timestamp: jsonNumber(now / 1000) };
}
