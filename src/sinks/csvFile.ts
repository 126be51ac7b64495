import { closeSync, ftruncateSync, mkdirSync, openSync, renameSync, writeFileSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';

import { stringify } from 'csv-stringify/browser/esm/sync';

import type { Sink } from '../../operators/tee.js';
import type { TrainingEvent } from '../core/events.js';
import { comesBefore } from './comesBefore.js';
import { eventRow } from './eventRow.js';
import { tableRows, type Cells } from './tableRows.js';

/** The file, open: where it ends, and where its last row begins, which may be filled further. */
interface Table {
  readonly file: number;
  readonly columns: readonly string[];
  readonly last: Cells;
  readonly start: number;
  readonly end: number;
}

/**
 * Writes a table of a run: a row for each global step, with what training and validation say of it.
 *
 * Spreadsheets and data frames read it as it is, and training and validation share one axis.
 *
 * ```text
 * source:  --1------2--------V---------|      V: the validation after step 2
 *          tee(csvFile('runs/first/steps.csv'))
 * file:    globalStep,epoch,…,loss,accuracy,ema.loss,…,validation.loss,validation.accuracy
 *          1,1,…,0.9,0.4,0.9,…,,
 *          2,1,…,0.8,0.5,0.89,…,0.85,0.45
 * ```
 *
 * If there is a table already, the run goes on with it, as with `jsonlFile`: rows that come before the run's first event stay, and a run that starts over
 * takes the place of what was there. A file that is no such table is left as it is.
 *
 * **Memory**: a table that is there is read as a whole when the first event comes, and once more for a column that it has not.
 *
 * @example
 * ```ts
 * train(model, batches, options).pipe(ema('loss'), tee(csvFile('runs/first/steps.csv')));
 * ```
 *
 * Errors with {@link SinkError} naming the file and the row, if there is a file that is no table of a run, or a broken one.
 */
export function csvFile(path: string): Sink<TrainingEvent> {
  let table: Table | undefined;
  const close = (): void => {
    if (table) closeSync(table.file);
    table = undefined;
  };
  return {
    next: (event) => {
      const row = eventRow(event);
      if (!row) return;
      table ??= opened(path, (globalStep) => comesBefore(event)({ type: 'step', globalStep }));
      if (!hasColumns(table, row)) {
        close();
        table = opened(path, () => true, Object.keys(row));
      }
      table = withRow(table, row);
    },
    error: close,
    complete: close,
    unsubscribe: close,
  };
}

/** Fills the last row further, if the row is of the same step; else adds it. */
function withRow({ file, columns, last, start, end }: Table, row: Cells): Table {
  const same = Number(last['globalStep']) === row['globalStep'];
  const whole = same ? { ...last, ...row } : row;
  const from = same ? start : end;
  const line = lineOf(columns, whole);
  const written = writeSync(file, line, from);
  if (same) ftruncateSync(file, from + written);
  return { file, columns, last: whole, start: from, end: from + written };
}

function hasColumns({ columns }: Table, row: Cells): boolean {
  for (const name in row) if (!columns.includes(name)) return false;
  return true;
}

function opened(path: string, keeps: (globalStep: number) => boolean, more: readonly string[] = []): Table {
  mkdirSync(dirname(path), { recursive: true });
  const { header, rows: all } = tableRows(path);
  const rows = all.filter((row) => keeps(Number(row['globalStep'])));
  const columns = [...new Set([...header, ...more])];
  const kept = columns.length === 0 ? '' : stringify(rows, { header: true, columns });
  writeFileSync(`${path}.new`, kept);
  renameSync(`${path}.new`, path);
  const last = rows.at(-1);
  const end = Buffer.byteLength(kept);
  const start = last ? end - Buffer.byteLength(lineOf(columns, last)) : end;
  return { file: openSync(path, 'r+'), columns, last: last ?? {}, start, end };
}

function lineOf(columns: readonly string[], row: Cells): string {
  const cells = columns.map((name) => row[name] ?? '');
  // What was read from a table is text and may have commas; numbers have none, and training waits for them.
  return cells.every((cell) => cell === '' || typeof cell === 'number') ? `${cells.join(',')}\n` : stringify([cells]);
}
