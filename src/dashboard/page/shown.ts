import { averageNext, averageOf, type MovingAverage } from '../../core/movingAverage.js';
import type { Note, Position, Row, Rows, Series, Table } from '../protocol.js';
import type { View } from './view.js';

/** What the page has of a run: what it has been given as a whole, and what has come live since. */
export interface Shown {
  readonly name: string;
  readonly steps: GrowingTable;
  readonly microBatches: GrowingTable;
  readonly validation: GrowingTable;
  readonly notes: Note[];
  position: Position;
  lastStep: number;
  average: MovingAverage;
  /** How many steps have come live; when there are too many to draw, the run is asked for anew. */
  appended: number;
}

interface GrowingTable {
  readonly steps: number[];
  readonly columns: Record<string, (number | null)[]>;
}

export function shownOf(name: string, series: Series): Shown {
  const { position, lastStep, average, steps, microBatches, validation, notes } = series;
  const tables = { steps: growing(steps), microBatches: growing(microBatches), validation: growing(validation) };
  return { name, ...tables, notes: [...notes], position, lastStep, average, appended: 0 };
}

/**
 * Adds what has come live; false if something is missing before it, or has been taken back, so that the run must be asked for anew. What is known
 * already is passed over.
 */
export function append(shown: Shown, { from, rows }: Rows, view: Pick<View, 'range' | 'alpha' | 'every'>): boolean {
  const { generation, count } = shown.position;
  if (from.generation !== generation || from.count > count) return false;
  const unknown = rows.slice(count - from.count);
  for (const row of unknown) add(shown, row, view);
  shown.position = { generation, count: count + unknown.length };
  return true;
}

function add(shown: Shown, row: Row, { range, alpha, every }: Pick<View, 'range' | 'alpha' | 'every'>): void {
  const { globalStep } = row;
  const isSeen = !range || globalStep <= range[1];
  if (row.type === 'note') {
    const { kind, text } = row;
    if (isSeen) shown.notes.push({ globalStep, kind, text });
    return;
  }
  if (row.type === 'validation') {
    if (isSeen) push(shown.validation, globalStep, row.values);
    return;
  }
  for (const loss of row.losses) if (loss !== null) shown.average = averageNext(shown.average, loss, alpha, false);
  shown.lastStep = globalStep;
  if (!isSeen) return;
  shown.appended += 1;
  row.losses.forEach((loss, i) => push(shown.microBatches, globalStep - 1 + (i + 1) / row.losses.length, { loss }));
  const average = averageOf(shown.average);
  const values = { ...row.values, average: Number.isFinite(average) ? average : null };
  if (globalStep % every === 0) push(shown.steps, globalStep, values);
}

function push({ steps, columns }: GrowingTable, step: number, values: Readonly<Record<string, number | null>>): void {
  for (const name of Object.keys(values)) columns[name] ??= Array<null>(steps.length).fill(null);
  for (const name of Object.keys(columns)) columns[name]!.push(values[name] ?? null);
  steps.push(step);
}

function growing({ steps, columns }: Table): GrowingTable {
  return {
    steps: [...steps],
    columns: Object.fromEntries(Object.entries(columns).map(([name, values]) => [name, [...values]])),
  };
}
