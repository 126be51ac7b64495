import type uPlot from 'uplot';

import type { Chart } from './charts.js';

/** Draws points behind the lines of a chart, faintly: there may be thousands. */
export function drawDots(self: uPlot, dots: Chart['dots'], colour: string): void {
  if (!dots) return;
  const { ctx, bbox } = self;
  const size = Math.max(1, Math.round(1.5 * devicePixelRatio));
  ctx.save();
  ctx.beginPath();
  ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
  ctx.clip();
  ctx.globalAlpha = 0.28;
  ctx.fillStyle = colour;
  dots.steps.forEach((step, i) => {
    const value = dots.values[i];
    if (value === null || value === undefined) return;
    ctx.fillRect(self.valToPos(step, 'x', true) - size / 2, self.valToPos(value, 'y', true) - size / 2, size, size);
  });
  ctx.restore();
}

/** The range of values: all lines, and the dots but for the most extreme, with some air. */
export function yRange(
  self: uPlot,
  least: number | null,
  most: number | null,
  log: boolean,
  dots: Chart['dots'],
): [number, number] {
  const { min = -Infinity, max = Infinity } = self.scales['x'] ?? {};
  const seen = (dots?.values ?? []).filter((value, i): value is number => {
    const step = dots!.steps[i]!;
    return value !== null && (!log || value > 0) && step >= min && step <= max;
  });
  seen.sort((a, b) => a - b);
  const cut = Math.floor(seen.length / 200);
  const ends = [least, most, seen[cut], seen[seen.length - 1 - cut]].filter(
    (value): value is number => typeof value === 'number' && Number.isFinite(value) && (!log || value > 0),
  );
  if (ends.length === 0) return log ? [0.1, 1] : [0, 1];
  const [low, high] = [Math.min(...ends), Math.max(...ends)];
  if (log) return low === high ? [low / 2, high * 2] : [low / 1.1, high * 1.1];
  const air = (high - low || Math.abs(high) || 1) * 0.06;
  // What is never negative is not shown below zero.
  return [low >= 0 ? Math.max(0, low - air) : low - air, high + air];
}
