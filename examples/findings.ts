import { plot } from 'simple-ascii-chart';
import type { RangeTestPoint } from 'gradstream';

import type { TimedTrial } from './tryOut.js';

/** The smoothed loss over the logarithm of the rate, up to where it leaves the picture, and a line at the rate that is suggested. */
export function rateChart(points: readonly RangeTestPoint[], learningRate: number, width = 72): string {
  const most = 1.25 * points[0]!.smoothed;
  const line = points
    .filter(({ smoothed }) => smoothed <= most)
    .map(({ learningRate: rate, smoothed }): [number, number] => [Math.log10(rate), smoothed]);
  const [low, high] = [Math.min(...line.map(([, y]) => y)), Math.max(...line.map(([, y]) => y))];
  const drawn = plot(line, {
    width,
    height: 12,
    title: 'smoothed loss over the learning rate',
    customXAxisTicks: decades(line.map(([x]) => x)),
    customYAxisTicks: [low, (low + high) / 2, high],
    thresholds: [{ x: Math.log10(learningRate) }],
    symbols: { thresholds: { x: '┊', y: '┊' } },
    formatter: (value, { axis }) => (axis === 'x' ? `1e${value}` : value.toFixed(2)),
  });
  return drawn
    .split('\n')
    .map((row) => row.trimEnd())
    .filter(Boolean)
    .join('\n');
}

/** The whole powers of ten from the first to the last of some that rise. */
function decades(logs: readonly number[]): number[] {
  const first = Math.ceil(logs[0]! - 1e-9);
  const count = Math.floor(logs.at(-1)! + 1e-9) - first + 1;
  return Array.from({ length: count }, (_, i) => first + i);
}

/** The sizes, one a line. */
export function sizeTable(trials: readonly TimedTrial[]): string {
  return table(
    ['micro-batch', 'fits', 'samples/s'],
    trials.map(({ batchSize, fits, samplesPerSecond }) => [
      String(batchSize),
      fits ? 'yes' : 'no',
      fits ? String(Math.round(samplesPerSecond)) : '–',
    ]),
  );
}

/** Columns with their text to the right, two spaces apart. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = head.map((name, i) => Math.max(name.length, ...rows.map((row) => row[i]!.length)));
  return [head, ...rows].map((row) => row.map((cell, i) => cell.padStart(widths[i]!)).join('  ')).join('\n');
}
