import uPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';
import type { TrainingEvent } from 'gradstream';

import type { Message } from './messages.js';

const element = (id: string): HTMLElement => document.getElementById(id)!;
const value = (_: uPlot, loss: number | null) => loss?.toFixed(4) ?? '–';

const chart = new uPlot(
  {
    ...{ width: element('chart').clientWidth, height: 320, scales: { x: { time: false } } },
    axes: [{ label: 'global step' }, { label: 'loss' }],
    series: [
      { label: 'global step' },
      { label: 'steps', stroke: '#bcd3f1', value },
      { label: 'average', stroke: '#123f7d', width: 2, value },
      { label: 'validation', stroke: '#d9662b', width: 2, spanGaps: true, value },
    ],
  },
  [[], [], [], []],
  element('chart'),
);

const rows = new Map<number, (number | null)[]>(); // by global step: its loss, the average, and validation's loss
const worker = new Worker('worker.js', { type: 'module' });
element('stop').onclick = () => worker.postMessage('stop');
worker.onmessage = ({ data }: MessageEvent<Message>) => {
  if (data.kind === 'engine') element('engine').textContent = data.text;
  if (data.kind === 'failed') element('says').textContent = data.text;
  if (data.kind !== 'events') return;
  data.events.forEach(take);
  const columns = [0, 1, 2].map((column) => [...rows.values()].map((row) => row[column]!));
  chart.setData([[...rows.keys()], ...columns] as uPlot.AlignedData);
};

function take(event: TrainingEvent): void {
  const { globalStep } = event;
  if (event.type === 'step') rows.set(globalStep, [event.loss, event.ema['loss'] ?? null, null]);
  if (event.type === 'validation') {
    rows.get(globalStep)![2] = event.loss;
    element('says').textContent =
      `step ${globalStep}: ${(100 * event.metrics['accuracy']!).toFixed(1)} % of the points it has not seen`;
  }
  if (event.type === 'end') Object.assign(element('stop'), { textContent: 'Done', disabled: true });
}
