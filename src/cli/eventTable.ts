import type { TrainingEvent } from '../core/events.js';
import { eventNote } from '../sinks/eventNote.js';
import { eventRow } from '../sinks/eventRow.js';

/** What is known of a global step, by column: numbers, and in the column {@link NOTES} what else has happened. */
export type TableRow = Readonly<Record<string, number | string>>;

/** A run as a table: a row for each global step that something was said of. */
export interface EventTable {
  readonly columns: readonly string[];
  readonly rows: readonly TableRow[];
}

const NOTES = 'events';

/** Puts what training and validation said of a step, and what else happened there, into one row. */
export function eventTable(events: readonly TrainingEvent[]): EventTable {
  const rows = new Map<number, TableRow>();
  for (const event of events) {
    const { globalStep, epoch } = event;
    const [numbers, note] = [eventRow(event), eventNote(event)];
    if (!numbers && note === undefined) continue;
    const before = rows.get(globalStep);
    const notes = [before?.[NOTES], note].filter((each) => each !== undefined);
    rows.set(globalStep, {
      globalStep,
      epoch,
      ...before,
      ...numbers,
      ...(notes.length > 0 && { [NOTES]: notes.join('; ') }),
    });
  }
  const columns = new Set([...rows.values()].flatMap((row) => Object.keys(row)));
  // Of all columns this is the widest, so it is the last.
  const isLast = columns.delete(NOTES);
  return { columns: [...columns, ...(isLast ? [NOTES] : [])], rows: [...rows.values()] };
}

/** A table as text: aligned, a dash where there is nothing, so that other programs find the columns, too. */
export function tableText({ columns, rows }: EventTable): string {
  const cells = [columns, ...rows.map((row) => columns.map((column) => cell(row[column])))];
  const widths = columns.map((_, i) => Math.max(...cells.map((line) => line[i]!.length)));
  const aligned = (text: string, i: number): string => (columns[i] === NOTES ? text : text.padStart(widths[i]!));
  return cells.map((line) => line.map(aligned).join('  ')).join('\n');
}

function cell(value: number | string | undefined): string {
  if (value === undefined) return '-';
  if (typeof value === 'string') return value;
  return Number.isInteger(value) ? String(value) : value.toPrecision(4);
}
