import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';

import { init, type EChartsOption } from 'echarts';

/** One line, or one cloud of points, of a {@link Chart}. The same name has the same colour in all charts of a picture. */
export interface Series {
  readonly name: string;
  readonly kind: 'points' | 'line';
  readonly points: readonly (readonly [x: number, y: number])[];
}

/** One chart: what is drawn over what. */
export interface Chart {
  readonly title: string;
  /** A line below the title. */
  readonly note?: string;
  readonly xAxis: string;
  readonly yAxis: string;
  /** First and last value of an axis; left out, they follow the points. */
  readonly xRange?: readonly [number, number];
  readonly yRange?: readonly [number, number];
  readonly series: readonly Series[];
}

/** Options of {@link writeCharts}. */
export interface ChartsOptions {
  readonly title: string;
  /** Charts side by side. */
  readonly columns: number;
}

const FONT = 'Helvetica, Arial, sans-serif'; // no quotes: ECharts writes it into an attribute as it stands
const INK = '#22272e';
const QUIET = '#667080';
const COLOURS = ['#86aede', '#e07b39', '#17447f', '#3d9970', '#a05195', '#8a6d3b'];
const MARGIN = { left: 62, right: 28, top: 50, bottom: 68 };
const HEIGHT = 330;

/** Writes several charts as one SVG file, whose folder is made, row by row, under one title and one legend. */
export function writeCharts(file: URL, charts: readonly Chart[], options: ChartsOptions): void {
  mkdirSync(dirname(fileURLToPath(file)), { recursive: true });
  writeFileSync(file, svgOf(charts, options));
}

/** The picture as SVG text. */
export function svgOf(charts: readonly Chart[], { title, columns }: ChartsOptions): string {
  const [width, header] = [600, 92];
  const places = charts.map((_, i) => ({
    left: (i % columns) * width,
    top: header + Math.floor(i / columns) * HEIGHT,
  }));
  const option: EChartsOption = {
    animation: false,
    backgroundColor: '#ffffff',
    color: COLOURS,
    title: [
      { text: title, left: MARGIN.left - 6, top: 18, textStyle: text(22, INK, 'bold') },
      ...charts.map(({ title, note = '' }, i) => ({
        text: title,
        subtext: note,
        left: places[i]!.left + MARGIN.left - 6,
        top: places[i]!.top,
        itemGap: 5,
        textStyle: text(16, INK, 'bold'),
        subtextStyle: text(13, QUIET),
      })),
    ],
    legend: { left: MARGIN.left - 4, top: header - 38, itemGap: 24, textStyle: text(13, INK) },
    grid: places.map(({ left, top }) => ({
      left: left + MARGIN.left,
      top: top + MARGIN.top,
      width: width - MARGIN.left - MARGIN.right,
      height: HEIGHT - MARGIN.top - MARGIN.bottom,
    })),
    xAxis: charts.map(({ xAxis, xRange }, gridIndex) => ({ gridIndex, ...axis(xAxis, 28, xRange) })),
    yAxis: charts.map(({ yAxis, yRange }, gridIndex) => ({ gridIndex, ...axis(yAxis, 38, yRange) })),
    series: charts.flatMap(({ series }, i) => series.map((each) => ({ xAxisIndex: i, yAxisIndex: i, ...drawn(each) }))),
  };

  const height = header + HEIGHT * Math.ceil(charts.length / columns);
  const canvas = init(null, null, { renderer: 'svg', ssr: true, width: width * columns, height });
  canvas.setOption(option);
  const svg = canvas.renderToSVGString();
  canvas.dispose();
  return svg;
}

/** Few points are drawn large, also on a line; many are small, and hidden on a line. */
function drawn({ name, kind, points }: Series) {
  const few = points.length <= 40;
  const data = points.map(([x, y]) => [x, y]);
  if (kind === 'points')
    return { name, data, type: 'scatter' as const, symbolSize: few ? 7 : points.length <= 200 ? 5 : 4 };
  const symbols = { showSymbol: few, symbol: 'circle', symbolSize: 5 };
  return { name, data, type: 'line' as const, ...symbols, lineStyle: { width: 2 } };
}

function axis(name: string, nameGap: number, range?: readonly [number, number]) {
  return {
    type: 'value' as const,
    name,
    nameLocation: 'middle' as const,
    nameGap,
    nameTextStyle: text(13, QUIET),
    axisLabel: text(12, QUIET),
    axisLine: { show: true, lineStyle: { color: '#b8c0ca' } },
    splitLine: { lineStyle: { color: '#eceff3' } },
    ...(range && { min: range[0], max: range[1] }),
  };
}

function text(fontSize: number, color: string, fontWeight: 'normal' | 'bold' = 'normal') {
  return { fontSize, color, fontWeight, fontFamily: FONT };
}
