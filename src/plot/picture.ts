import type { EChartsOption } from 'echarts';

import type { Drawn } from './drawn.js';
import { layout, type Frame } from './layout.js';

/** One panel of a picture: curves over the global step. */
export interface Panel {
  readonly name: string;
  readonly curves: readonly Drawn[];
}

const FONT = 'Helvetica, Arial, sans-serif'; // no quotes: ECharts writes it into an attribute as it stands
const [INK, QUIET, AXIS, GRID] = ['#22272e', '#5b6573', '#b8c0ca', '#e9edf2'];

/** A picture as ECharts takes it: title, legend, and the panels below each other on one axis of global steps. */
export function picture(panels: readonly Panel[], frame: Frame): EChartsOption {
  const curves = panels.flatMap((panel, i) =>
    panel.curves.map((curve) => ({ ...curve, xAxisIndex: i, yAxisIndex: i })),
  );
  const items = new Map([...curves].reverse().map(({ name, icon }) => [name, { name, icon }])); // of a name, the first
  const names = [...new Set(curves.map(({ name }) => name))];
  const { legend, boxes } = layout(frame, names, panels.length);
  const { left, width } = legend;
  const extent = stepsOf(panels);
  const empty = { text: 'no steps', left: 'center', top: frame.height / 2, textStyle: text(16, QUIET) };
  const heading = { ...text(20, INK, 'bold'), width, overflow: 'truncate' as const };

  return {
    animation: false,
    backgroundColor: '#ffffff',
    title: [
      { text: frame.title, left, top: 20, padding: 0, textStyle: heading },
      ...panels.map(({ name }, i) => {
        const top = boxes[i]!.top - 22;
        return { text: spelled(name), left, top, padding: 0, textStyle: text(13, INK, 'bold') };
      }),
      ...(curves.length === 0 ? [empty] : []),
    ],
    legend: {
      ...{ data: names.map((name) => items.get(name)!), ...legend, padding: 0, textStyle: text(13, INK) },
      ...{ itemGap: 14, itemWidth: 22, itemHeight: 9 },
    },
    grid: [...boxes],
    xAxis: panels.map((_, gridIndex) => ({
      ...axis(gridIndex),
      ...extent,
      ...(gridIndex === panels.length - 1
        ? { name: 'global step', nameLocation: 'middle' as const, nameGap: 28, nameTextStyle: text(13, QUIET) }
        : { axisLabel: { show: false } }),
      minInterval: 1,
      splitLine: { show: false },
    })),
    yAxis: panels.map((_, gridIndex) => ({
      ...axis(gridIndex),
      scale: true,
      splitNumber: boxes[gridIndex]!.height < 100 ? 3 : 5,
    })),
    series: curves,
  };
}

/** First and last step of all panels; from 0 on unless the run began far from it. */
function stepsOf(panels: readonly Panel[]): { readonly min: number; readonly max: number } {
  const ends = panels.flatMap(({ curves }) => curves.flatMap(({ data }) => [data[0]![0], data.at(-1)![0]]));
  if (ends.length === 0) return { min: 0, max: 1 };
  const [first, last] = [Math.min(...ends), Math.max(...ends)];
  if (first === last) return { min: first - 1, max: last + 1 };
  return { min: first > last / 3 ? first : 0, max: last };
}

function axis(gridIndex: number) {
  return {
    gridIndex,
    type: 'value' as const,
    axisLabel: text(12, QUIET),
    axisLine: { show: true, onZero: false, lineStyle: { color: AXIS! } },
    axisTick: { show: false },
    splitLine: { lineStyle: { color: GRID! } },
  };
}

/** A name as people write it: 'samplesPerSecond' is samples per second. */
function spelled(name: string): string {
  return name.replace(/([a-z])([A-Z])/g, (_, before: string, letter: string) => `${before} ${letter.toLowerCase()}`);
}

function text(fontSize: number, color?: string, fontWeight: 'normal' | 'bold' = 'normal') {
  return { fontSize, fontWeight, fontFamily: FONT, ...(color !== undefined && { color }) };
}
