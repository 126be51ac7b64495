import type { Columns } from './columns.js';
import { countBelow, type Numbers } from './numbers.js';
import type { Table } from './protocol.js';

/** Which part of a run is looked at. */
export interface Range {
  /** The first and the last step. */
  readonly from: number;
  readonly to: number;
  /** How many columns of pixels there are to show it in. */
  readonly pixels: number;
  /** Only steps that are multiples of it. */
  readonly every: number;
}

/**
 * The rows of a range that can be told apart on a screen, each as it is: of every column of pixels the least and the greatest value of each column of
 * numbers, and the last row. So a line through them covers the same pixels as one through all.
 */
export function thin({ steps, byName }: Pick<Columns, 'steps' | 'byName'>, { from, to, pixels, every }: Range): Table {
  // One row to either side, so that lines go on to the edges.
  const begin = Math.max(0, countBelow(steps, from) - 1);
  const end = Math.min(steps.length, countBelow(steps, to + 1) + 1);
  const wanted = (row: number): boolean => every === 1 || steps.at(row) % every === 0;

  const rows =
    end - begin <= 2 * pixels ? all(begin, end) : extremes(steps, [...byName.values()], begin, end, pixels, wanted);
  const shown = rows.filter(wanted);
  const valueAt = (column: Numbers, row: number): number | null => {
    const value = column.at(row);
    return Number.isFinite(value) ? value : null;
  };
  return {
    steps: shown.map((row) => steps.at(row)),
    columns: Object.fromEntries([...byName].map(([name, column]) => [name, shown.map((row) => valueAt(column, row))])),
  };
}

function all(begin: number, end: number): number[] {
  return Array.from({ length: end - begin }, (_, i) => begin + i);
}

function extremes(
  steps: Numbers,
  columns: readonly Numbers[],
  begin: number,
  end: number,
  pixels: number,
  wanted: (row: number) => boolean,
): number[] {
  const first = steps.at(begin);
  const width = (steps.at(end - 1) - first) / pixels || 1;
  const kept: number[] = [];
  for (let row = begin; row < end;) {
    const edge = first + (Math.floor((steps.at(row) - first) / width) + 1) * width;
    const start = row;
    while (row < end && (row === start || steps.at(row) < edge)) row += 1;
    kept.push(...extremesWithin(columns, start, row, wanted));
  }
  return kept;
}

/** The rows with the least and the greatest of each column, and the last, in order. */
function extremesWithin(
  columns: readonly Numbers[],
  start: number,
  end: number,
  wanted: (row: number) => boolean,
): number[] {
  const found = new Set<number>();
  let last = -1;
  for (let row = end - 1; row >= start && last < 0; row--) if (wanted(row)) last = row;
  if (last < 0) return [];
  found.add(last);
  for (const column of columns) {
    let [least, greatest] = [-1, -1];
    for (let row = start; row <= last; row++) {
      const value = column.at(row);
      if (!Number.isFinite(value) || !wanted(row)) continue;
      if (least < 0 || value < column.at(least)) least = row;
      if (greatest < 0 || value > column.at(greatest)) greatest = row;
    }
    if (least >= 0) found.add(least).add(greatest);
  }
  return [...found].sort((a, b) => a - b);
}
