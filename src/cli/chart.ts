import { plot } from 'simple-ascii-chart';

import type { EventTable } from './eventTable.js';

/** What there is to draw on. */
export interface Canvas {
  readonly width: number;
  readonly height: number;
  readonly colors: boolean;
}

const COLORS = ['ansiCyan', 'ansiYellow', 'ansiGreen', 'ansiMagenta', 'ansiRed', 'ansiBlue'] as const;

/** Columns of a table over the global step, as a chart of characters; what is not finite is left out, neighbours that share a place are averaged. */
export function chart({ rows }: EventTable, columns: readonly string[], { width, height, colors }: Canvas): string {
  const lines = columns.map((column) => {
    const points = rows.flatMap((row): [number, number][] => {
      const value = row[column];
      return value !== undefined && Number.isFinite(value) ? [[row['globalStep']!, value]] : [];
    });
    return thinned(points, width);
  });
  const drawn = columns.map((name, i) => ({ name, line: lines[i]! })).filter(({ line }) => line.length > 0);
  if (drawn.length === 0) return `nothing to draw: ${columns.join(', ')} must have a number that is finite`;
  return plot(
    drawn.map(({ line }) => line),
    {
      width,
      height,
      ...(colors && { color: drawn.map((_, i) => COLORS[i % COLORS.length]!) }),
      legend: { position: 'bottom', series: drawn.map(({ name }) => name) },
      xLabel: 'global step',
      customXAxisTicks: ticks(drawn.flatMap(({ line }) => line.map(([step]) => step))),
      formatter: (value) => (Number.isInteger(value) ? value : Number(value.toPrecision(3))),
    },
  );
}

/** A few steps along the axis, both ends among them. */
function ticks(steps: readonly number[]): number[] {
  const [first, last] = [Math.min(...steps), Math.max(...steps)];
  return [...new Set([0, 1, 2, 3, 4].map((i) => Math.round(first + ((last - first) * i) / 4)))];
}

/** At most one point for each place along the axis: the mean of those that are there. */
function thinned(points: readonly [number, number][], width: number): [number, number][] {
  const size = Math.ceil(points.length / width);
  return Array.from({ length: Math.ceil(points.length / size) || 0 }, (_, i) => {
    const part = points.slice(i * size, (i + 1) * size);
    return [part.at(-1)![0], part.reduce((sum, [, y]) => sum + y, 0) / part.length];
  });
}
