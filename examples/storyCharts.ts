import type { LogPoint, WayName } from './attempts.js';
import type { Chart, Series } from './plot.js';
import { verdicts } from './storyFacts.js';

/** The logs of one run, by the way in which they were made. */
export type Logs = Readonly<Record<WayName, readonly LogPoint[]>>;

/** What is to be known of the run. */
export interface StoryOptions {
  readonly microBatches: number;
  readonly every: number;
  readonly steps: number;
}

const ONE = 'training, single micro-batches';
const AVERAGE = 'training, moving average';
const MEANS = 'training, mean of each window';
const SAMPLE = 'training, those that attempt 3 logs';
const VALIDATION = 'validation';

/** The picture: one chart for each way, all on the same scale, and a closer look in which single steps can be seen. */
export function storyCharts(logs: Logs, { microBatches, every, steps }: StoryOptions): Chart[] {
  const says = verdicts(microBatches);
  const chart = (way: WayName, title: string, series: Series[]): Chart => ({
    title,
    note: says[way],
    xAxis: 'global step',
    yAxis: 'loss',
    xRange: [0, steps],
    yRange: [0, 2.5],
    series,
  });
  // What comes later is drawn on top.
  const one = (way: WayName): Series[] => [training(ONE, 'points', logs[way]), validation(logs)];
  const average = (way: WayName): Series[] => [validation(logs), training(AVERAGE, 'line', logs[way])];
  const means = training(MEANS, 'points', logs['window means']);
  const nth = `every ${every}th step`;

  return [
    {
      ...chart('naive', 'Naive: every micro-batch at its own index', one('naive')),
      xAxis: 'index of the micro-batch (training), global step (validation)',
      xRange: [0, microBatches * steps],
    },
    chart('attempt 1', '1: every micro-batch at its global step', one('attempt 1')),
    chart('attempt 2', `2: as 1, on ${nth}`, one('attempt 2')),
    chart('attempt 3', `3: one micro-batch, on ${nth}`, one('attempt 3')),
    chart('attempt 4', `4: a moving average, read on ${nth}`, average('attempt 4')),
    chart('attempt 5', '5: as 4, with the losses of all replicas', average('attempt 5')),
    chart('operators', 'The operators: ema and logEvery', [means, ...average('operators')]),
    closer(logs, steps),
  ];
}

/** Twenty steps of attempts 1, 3 and 5, one over the other, on a scale of their own. */
function closer(logs: Logs, steps: number): Chart {
  const from = Math.floor((steps * 0.45) / 10) * 10;
  const within = ({ name, kind, points }: Series): Series => ({
    name,
    kind,
    points: points.filter(([x]) => x >= from && x <= from + 20),
  });
  return {
    title: `A closer look: steps ${from} to ${from + 20}`,
    note: 'every loss of one device, the few that attempt 3 logs, and the average of all',
    xAxis: 'global step',
    yAxis: 'loss',
    xRange: [from, from + 20],
    series: [
      training(ONE, 'points', logs['attempt 1']),
      training(SAMPLE, 'points', logs['attempt 3']),
      validation(logs),
      training(AVERAGE, 'line', logs['attempt 5']),
    ].map(within),
  };
}

function training(name: string, kind: Series['kind'], log: readonly LogPoint[]): Series {
  return { name, kind, points: pairs(log, 'training') };
}

function validation(logs: Logs): Series {
  return { name: VALIDATION, kind: 'line', points: pairs(logs['window means'], 'validation') };
}

function pairs(log: readonly LogPoint[], of: LogPoint['of']): [number, number][] {
  return log.flatMap((point): [number, number][] => (point.of === of ? [[point.x, point.y]] : []));
}
