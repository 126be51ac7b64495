import type uPlot from 'uplot';

import type { Line } from './charts.js';
import { readable } from './dom.js';

/** How a line is drawn. */
export function seriesOf({ label, look }: Line, stroke: string): uPlot.Series {
  const faint = look === 'faint';
  return {
    label,
    stroke: faint ? `color-mix(in srgb, ${stroke} 45%, transparent)` : stroke,
    width: faint ? 1 : 2,
    ...(look === 'points' && { dash: [5, 4] }),
    // A line of one point would not be seen.
    points: { show: look === 'points' || ((self, i) => isLone(self.data[i]!)), size: 6, fill: stroke },
    spanGaps: true,
    value: (_self, value) => readable(value),
  };
}

function isLone(values: ArrayLike<number | null | undefined>): boolean {
  return Array.from(values).filter((value) => value != null).length === 1;
}
