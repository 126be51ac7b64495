import type { TrainingEvent } from '../core/events.js';
import { eventRow, type Row } from '../sinks/eventRow.js';

/** A run as a table: a row for each global step that something was said of. */
export interface EventTable {
  readonly columns: readonly string[];
  readonly rows: readonly Row[];
}

/** Puts what training and validation said of a step into one row. */
export function eventTable(events: readonly TrainingEvent[]): EventTable {
  const rows = new Map<number, Row>();
  for (const event of events) {
    const row = eventRow(event);
    if (row) rows.set(event.globalStep, { ...rows.get(event.globalStep), ...row });
  }
  const columns = new Set([...rows.values()].flatMap((row) => Object.keys(row)));
  return { columns: [...columns], rows: [...rows.values()] };
}

/** A table as text: aligned, a dash where there is nothing, so that other programs find the columns, too. */
export function tableText({ columns, rows }: EventTable): string {
  const cells = [columns, ...rows.map((row) => columns.map((column) => cell(row[column])))];
  const widths = columns.map((_, i) => Math.max(...cells.map((line) => line[i]!.length)));
  return cells.map((line) => line.map((text, i) => text.padStart(widths[i]!)).join('  ')).join('\n');
}

function cell(value: number | undefined): string {
  if (value === undefined) return '-';
  return Number.isInteger(value) ? String(value) : value.toPrecision(4);
}
