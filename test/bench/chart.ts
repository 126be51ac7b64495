import { writeFileSync } from 'node:fs';

import { init, type EChartsOption } from 'echarts';

import { BY_HAND, COMPILED, EAGER, FIT } from './contenders.js';
import type { BenchModel } from './models.js';
import { LIGHTNING, type Row } from './report.js';

/** What is drawn, the newest first, and in what colour: ours blue, TensorFlow.js orange, PyTorch grey. */
const BARS: Readonly<Record<string, string>> = {
  [COMPILED]: '#1f5fbf',
  [EAGER]: '#7fb0ee',
  [BY_HAND]: '#e07b39',
  [FIT]: '#f0b48a',
  'PyTorch by hand': '#8d99a8',
  'PyTorch, torch.compile': '#b4bec9',
  [LIGHTNING]: '#5a6675',
};
const SAYS: Readonly<Record<BenchModel, string>> = {
  tiny: 'tiny: 784-32-10',
  mlp: 'mlp: 784-512-512-10',
  deep: 'deep: 22 dense layers',
  cnn: 'cnn: 2 convolutions',
  lstm: 'lstm: 128 units, 28 times',
  gpt: 'gpt: 4 layers, context 128',
};

const FONT = 'Helvetica, Arial, sans-serif'; // no quotes: ECharts writes it into an attribute as it stands
const INK = '#22272e';
const QUIET = '#667080';
const COLUMNS = 3;
const NAMES = 168;
const PANEL = { width: 270, height: 222 };
/** What the bars may fill of a panel: the rest is for their labels. */
const FILLED = 0.62;
const HEADER = 86;

/**
 * Writes the picture of a run: for each model, each side's time of a micro-batch relative to Lightning's, or to that of the loop by hand.
 *
 * Its ground is white, so that it can be read on any page.
 */
export function drawResults(file: URL, rows: readonly Row[], where: string): void {
  const base = rows.some(({ contender }) => contender === LIGHTNING) ? LIGHTNING : BY_HAND;
  const models = [...new Set(rows.map(({ model }) => model))];
  const bars = Object.keys(BARS).filter((name) => rows.some(({ contender }) => contender === name));
  const places = models.map((_, i) => ({
    left: NAMES + (i % COLUMNS) * PANEL.width,
    top: HEADER + Math.floor(i / COLUMNS) * PANEL.height,
  }));
  const title = (text: string, left: number, top: number, fontSize: number, color: string, bold = false) => ({
    text,
    left,
    top,
    padding: 0,
    textStyle: { fontSize, color, fontFamily: FONT, fontWeight: bold ? ('bold' as const) : ('normal' as const) },
  });
  const option: EChartsOption = {
    animation: false,
    title: [
      title(`Milliseconds per micro-batch, and relative to ${base}`, 20, 18, 20, INK, true),
      title(`shorter is faster; ${where}`, 20, 47, 12, QUIET),
      ...models.map((model, i) => title(SAYS[model], places[i]!.left, places[i]!.top, 14, INK, true)),
    ],
    grid: places.map(({ left, top }) => ({ left, top: top + 24, width: PANEL.width - 22, height: PANEL.height - 46 })),
    xAxis: models.map((model, gridIndex) => ({
      gridIndex,
      type: 'value' as const,
      show: false,
      min: 0,
      max: Math.max(...rows.filter((row) => row.model === model).map(ratioTo(base))) / FILLED,
    })),
    yAxis: models.map((_, gridIndex) => ({
      gridIndex,
      type: 'category' as const,
      data: bars,
      inverse: true,
      axisTick: { show: false },
      axisLine: { lineStyle: { color: '#b8c0ca' } },
      axisLabel: { show: gridIndex % COLUMNS === 0, fontSize: 12, color: INK, fontFamily: FONT },
    })),
    series: models.map((model, i) => ({
      type: 'bar' as const,
      xAxisIndex: i,
      yAxisIndex: i,
      barWidth: 16,
      data: bars.map((name) =>
        bar(
          rows.find((row) => row.model === model && row.contender === name),
          name,
          base,
        ),
      ),
      markLine: {
        silent: true,
        z: 1, // below the labels, whose ground is white
        symbol: 'none',
        label: { show: false },
        lineStyle: { color: QUIET, type: 'dashed' as const, width: 1 },
        data: [{ xAxis: 1 }],
      },
    })),
  };
  const height = HEADER + PANEL.height * Math.ceil(models.length / COLUMNS);
  const canvas = init(null, null, {
    renderer: 'svg',
    ssr: true,
    width: NAMES + PANEL.width * Math.min(COLUMNS, models.length),
    height,
  });
  canvas.setOption({ backgroundColor: '#ffffff', ...option });
  writeFileSync(file, `${canvas.renderToSVGString()}\n`);
  canvas.dispose();
}

const ratioTo =
  (base: string) =>
  ({ over }: Row): number =>
    over[base] ?? 0;

/** Two decimals below 10, one below 100. */
function short(value: number): string {
  return value.toFixed(value < 10 ? 2 : value < 100 ? 1 : 0);
}

function bar(row: Row | undefined, name: string, base: string) {
  const text = row ? `${short(row.msPerMicroBatch)} ms  × ${short(ratioTo(base)(row))}` : 'has none';
  return {
    value: row ? ratioTo(base)(row) : 0,
    itemStyle: { color: BARS[name]!, borderRadius: [0, 2, 2, 0] },
    label: {
      show: true,
      position: 'right' as const,
      formatter: text,
      fontSize: 11,
      color: INK,
      fontFamily: FONT,
      backgroundColor: '#ffffff',
      padding: [1, 2],
    },
  };
}
