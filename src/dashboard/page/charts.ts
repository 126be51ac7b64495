import type { Shown } from './shown.js';

/** A line of a chart, over its own steps. */
export interface Line {
  readonly label: string;
  readonly steps: readonly number[];
  readonly values: readonly (number | null)[];
  /** The name of a colour in page.css. */
  readonly colour: string;
  /** How it is drawn: strongly, faintly, or as points that a dashed line joins. */
  readonly look: 'strong' | 'faint' | 'points';
}

/** What is in a chart. */
export interface Chart {
  readonly title: string;
  readonly lines: readonly Line[];
  /** Faint points below the lines. */
  readonly dots?: { readonly steps: readonly number[]; readonly values: readonly (number | null)[] };
  readonly mayBeLog: boolean;
}

type Numbers = readonly (number | null)[];

/** How columns are called for people, and what they are measured in. */
const TITLES: Readonly<Record<string, string>> = {
  learningRate: 'Learning rate',
  gradientNorm: 'Gradient norm, before clipping',
  samplesPerSecond: 'Throughput (samples/s)',
};
/** How many colours page.css has for what shares a chart. */
const COLOURS = 8;
/** Columns that share a chart, by what their names begin with. */
const FAMILIES: Readonly<Record<string, string>> = { timeMs: 'Step time (ms)', memoryMb: 'Memory (MiB)' };

/** In the order of a step; others come behind. */
const NAMES: Readonly<Record<string, string>> = {
  data: 'data',
  forwardBackward: 'forward, backward',
  update: 'update',
  read: 'read',
  validation: 'validation',
  snapshot: 'snapshot',
  sinks: 'sinks',
};

/** The charts of some runs; the first is shown in full, of the others what is to be compared. */
export function chartsOf(runs: readonly Shown[]): Chart[] {
  const named = (run: Shown, what: string): string => (runs.length > 1 ? `${run.name}: ${what}` : what);
  const line = (run: Shown, name: string, label: string, look: Line['look'], colour = colourOf(runs, run)): Line[] => {
    const values = run.steps.columns[name];
    return values ? [{ label: named(run, label), steps: run.steps.steps, values, colour, look }] : [];
  };
  const validation = (run: Shown, name: string): Line[] => {
    const values = run.validation.columns[name];
    const colour = runs.length > 1 ? colourOf(runs, run) : '--validation';
    return values
      ? [{ label: named(run, 'validation'), steps: run.validation.steps, values, colour, look: 'points' }]
      : [];
  };
  const loss: Chart = {
    title: 'Loss',
    lines: runs.flatMap((run, i) => [
      ...(i === 0 ? line(run, 'loss', 'mean of a step', 'faint') : []),
      ...line(run, 'average', 'average', 'strong'),
      ...validation(run, 'loss'),
    ]),
    ...(runs[0] && { dots: { steps: runs[0].microBatches.steps, values: runs[0].microBatches.columns['loss'] ?? [] } }),
    mayBeLog: true,
  };
  const metrics = namesIn(runs, /^metric\.(.+)$/).map((name): Chart => ({
    title: name,
    lines: runs.flatMap((run) => [...line(run, `metric.${name}`, 'training', 'strong'), ...validation(run, name)]),
    mayBeLog: false,
  }));
  const single = Object.entries(TITLES).map(([name, title]): Chart => ({
    title,
    lines: runs.flatMap((run) =>
      line(
        run,
        name,
        title
          .replace(/[,(].*/, '')
          .trim()
          .toLowerCase(),
        'strong',
      ),
    ),
    mayBeLog: name === 'gradientNorm' || name === 'learningRate',
  }));
  const families = Object.entries(FAMILIES).map(([family, title]): Chart => ({
    title,
    lines: runs
      .slice(0, 1)
      .flatMap((run) =>
        inOrder(namesIn([run], new RegExp(`^${family}\\.(.+)$`))).flatMap((name, i) =>
          line(run, `${family}.${name}`, NAMES[name] ?? name, 'strong', colourAt(i)),
        ),
      ),
    mayBeLog: false,
  }));
  return [
    loss,
    ...[...metrics, ...single, ...families].filter(({ lines }) => lines.some(({ values }) => values.some(isNumber))),
  ];
}

/** The colour of a run among those that are shown. */
export function colourOf(runs: readonly Shown[], run: Shown): string {
  return colourAt(runs.indexOf(run));
}

function colourAt(index: number): string {
  return `--run${index % COLOURS}`;
}

/** The newest number of a column. */
export function newest(values: Numbers = []): number | undefined {
  return values.findLast(isNumber) ?? undefined;
}

function namesIn(runs: readonly Shown[], pattern: RegExp): string[] {
  const names = runs.flatMap((run) => Object.keys(run.steps.columns)).flatMap((name) => pattern.exec(name)?.[1] ?? []);
  return [...new Set(names)];
}

function isNumber(value: number | null): value is number {
  return value !== null;
}

function inOrder(names: readonly string[]): string[] {
  const known = Object.keys(NAMES).filter((name) => names.includes(name));
  return [...known, ...names.filter((name) => !known.includes(name))];
}
