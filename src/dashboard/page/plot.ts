import uPlot from 'uplot';

import { newest, type Chart, type Line } from './charts.js';
import { drawDots, yRange } from './dots.js';
import { make, readable } from './dom.js';
import { seriesOf } from './series.js';

/** A chart on the page. */
export interface Plot {
  readonly figure: HTMLElement;
  draw(chart: Chart, range: readonly [number, number], log: boolean): void;
  remove(): void;
}

/** What a plot tells when a part of it has been chosen. */
type Choose = (range: [number, number] | undefined) => void;

const HEIGHT = 220;
const TALL = 340;

/** @param tall - Whether it is the chart that matters most. */
export function plot(choose: Choose, tall: boolean): Plot {
  const title = make('figcaption');
  const canvas = make('div', { class: 'plot', role: 'img', tabindex: '0' });
  const figure = make('figure', {}, title, canvas);
  let drawn: uPlot | undefined;
  let shape = '';
  let now: { chart: Chart; range: readonly [number, number] };

  const build = (log: boolean): uPlot => {
    const colour = (name: string): string => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
    const axis = { stroke: colour('--quiet'), grid: { stroke: colour('--grid'), width: 1 }, ticks: { show: false } };
    const made = new uPlot(
      {
        ...sizeOf(canvas, tall),
        cursor: {
          sync: { key: 'steps', setSeries: false },
          drag: { x: true, y: false, setScale: false },
          points: { size: 7 },
        },
        scales: {
          x: { time: false, range: () => [...now.range] },
          y: {
            // eslint-disable-next-line @typescript-eslint/no-unsafe-enum-assignment -- the enum's names exist in types only
            distr: (log ? 3 : 1) as uPlot.Scale.Distr,
            range: (self, least, most) => yRange(self, least, most, log, now.chart.dots),
          },
        },
        axes: [
          {
            ...axis,
            values: (_self, ticks) => ticks.map((tick) => (Number.isInteger(tick) ? readable(tick) : '')),
            size: 30,
          },
          { ...axis, values: (_self, ticks) => ticks.map((tick) => (tick === null ? '' : short(tick))), size: 58 },
        ],
        series: [
          { label: 'step', value: (_self, step) => (step === null ? '–' : readable(step)) },
          ...now.chart.lines.map((line) => seriesOf(line, colour(line.colour))),
        ],
        hooks: {
          drawAxes: [(self) => drawDots(self, now.chart.dots, colour('--run0'))],
          setSelect: [
            (self) => {
              const { left, width } = self.select;
              if (width < 4) return;
              self.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
              choose([self.posToVal(left, 'x'), self.posToVal(left + width, 'x')]);
            },
          ],
        },
      },
      joined(now.chart.lines),
      canvas,
    );
    made.over.addEventListener('dblclick', () => choose(undefined));
    return made;
  };
  const resize = new ResizeObserver(() => drawn?.setSize(sizeOf(canvas, tall)));
  resize.observe(canvas);

  return {
    figure,
    draw: (chart, range, wantsLog) => {
      const log = wantsLog && chart.mayBeLog;
      const next = JSON.stringify([log, chart.lines.map(({ label, colour, look }) => [label, colour, look])]);
      now = { chart, range };
      title.textContent = chart.title;
      canvas.setAttribute('aria-label', inWords(chart));
      if (next !== shape) {
        drawn?.destroy();
        drawn = build(log);
        shape = next;
      } else drawn!.setData(joined(chart.lines));
    },
    remove: () => {
      resize.disconnect();
      drawn?.destroy();
      figure.remove();
    },
  };
}

/** Lines over one axis. */
function joined(lines: readonly Line[]): uPlot.AlignedData {
  if (lines.length === 0) return [[]];
  const tables = lines.map(({ steps, values }) => [steps, values] as unknown as uPlot.AlignedData);
  return uPlot.join(tables);
}

function sizeOf(element: HTMLElement, tall: boolean): { width: number; height: number } {
  const width = Math.max(240, element.clientWidth);
  return { width, height: tall && width > 500 ? TALL : HEIGHT };
}

function inWords({ title, lines }: Chart): string {
  const said = lines.map(({ label, values }) => `${label} ${readable(newest(values))}`);
  return `${title}: ${said.join(', ') || 'nothing yet'}`;
}

function short(value: number): string {
  const size = Math.abs(value);
  if (size >= 1e4) return `${+(value / 1e3).toPrecision(4)}k`;
  return size !== 0 && size < 1e-3 ? value.toExponential(0) : String(+value.toPrecision(6));
}
