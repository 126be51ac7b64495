import type { LineSeriesOption, ScatterSeriesOption } from 'echarts';

import type { Curves } from './curves.js';
import { thinned, type Point } from './thinned.js';

/** One curve as ECharts draws it, and its sign in the legend. */
export type Drawn = (Omit<LineSeriesOption, 'data'> | Omit<ScatterSeriesOption, 'data'>) & {
  readonly name: string;
  readonly data: Point[];
  readonly icon: string;
};

/** How a run is drawn in a panel. */
export interface Drawing {
  /** The name of the run, where there are several. */
  readonly name: string | undefined;
  /** Which of the runs it is. */
  readonly run: number;
  /** Places along the axis that can be told apart. */
  readonly places: number;
}

/** Colours by role where there is one run, and by run where there are several; the colour-blind can tell them apart, too. */
const BY_ROLE = { microBatches: '#bcd3f1', steps: '#5d93d8', average: '#123f7d', validation: '#d9662b' };
const BY_RUN = ['#1f5fbf', '#d9662b', '#2f9e7a', '#a04a9c', '#b58900', '#5a6675', '#c2334d', '#37a3c4'];
const NOT_FINITE = '#c2334d';
const CROSS = 'path://M0,1L1,0L5,4L9,0L10,1L6,5L10,9L9,10L5,6L1,10L0,9L4,5Z';
const [STROKE, DASHES] = ['path://M0,0H22V2.4H0Z', 'path://M0,0H6V2.4H0ZM8,0H14V2.4H8ZM16,0H22V2.4H16Z'];
const FAINT = { width: 1, opacity: 0.5 };
/** So many points are drawn large on their line; so many micro-batches for each place are drawn one by one, and more as the band that they fill. */
const [FEW, MANY] = [40, 20];

/** The curves of a run in one panel: training faint to bold, validation above it. Of one name, the legend shows the first. */
export function drawn(curves: Curves, { name, run, places }: Drawing): Drawn[] {
  const { microBatches, steps, average, validation } = curves;
  const colour = (role: keyof typeof BY_ROLE): string => (name ? BY_RUN[run % BY_RUN.length]! : BY_ROLE[role]);

  const line = (role: keyof typeof BY_ROLE, points: readonly Point[], z: number, lineStyle: object = {}): Drawn => ({
    ...{ type: 'line', silent: true, z, color: colour(role), name: name ?? role, data: thinned(points, places) },
    ...{ symbol: points.length > FEW || lineStyle === FAINT ? 'none' : 'circle', symbolSize: 6, icon: STROKE },
    lineStyle: { width: 1.8, cap: 'round', join: 'round', ...lineStyle },
  });
  const cloud: Drawn = {
    ...line('microBatches', microBatches, 2, FAINT),
    ...{ name: 'micro-batches', icon: 'rect', itemStyle: { opacity: 1 } },
    ...(microBatches.length <= MANY * places && {
      ...{ type: 'scatter', symbol: 'rect', symbolSize: 2.4, large: true, largeThreshold: 0, data: [...microBatches] },
    }),
  };
  const training = [
    line('average', average, 4, { width: 2.4 }),
    line('steps', steps, 3, average.length > 0 ? FAINT : {}),
  ];
  const all = [
    ...(name ? training : [cloud, ...training.reverse()]),
    { ...line('validation', validation, 5), ...(name && dashed(name)) },
    crosses(curves, places),
  ];
  return all.filter(({ data }) => data.length > 0);
}

function dashed(name: string) {
  return { name: `${name}, validation`, icon: DASHES!, lineStyle: { width: 1.8, type: [5, 4] } };
}

/** Where a value is NaN or infinite; at the top of what is finite, so that no axis changes. */
function crosses({ microBatches, steps, average, validation }: Curves, places: number): Drawn {
  const points = [microBatches, steps, average, validation].flat();
  const top = points.reduce((highest, [, y]) => (highest >= y || Number.isNaN(y) ? highest : y), NaN);
  const at = new Set(points.flatMap(([x, y]) => (Number.isNaN(y) ? [x] : [])));
  return {
    ...{ type: 'scatter', silent: true, z: 6, color: NOT_FINITE, name: 'not finite', icon: CROSS },
    ...{ symbol: CROSS, symbolSize: 9 },
    data: thinned(
      Array.from(at, (x): Point => [x, Number.isNaN(top) ? 0 : top]),
      places,
    ),
  };
}
