import { from, isObservable, lastValueFrom, toArray, type ObservableInput } from 'rxjs';

import { ArgumentError, assertPositiveInteger, messageOf } from '../core/errors.js';
import type { TrainingEvent } from '../core/events.js';
import { curvesOf, namesIn, recordingOf } from './curves.js';
import { drawn } from './drawn.js';
import { plotWidth } from './layout.js';
import { picture } from './picture.js';

/** The events of a run, or of several by their names. */
export type Runs = ObservableInput<TrainingEvent> | Readonly<Record<string, ObservableInput<TrainingEvent>>>;

/** Options of {@link plotRun}. */
export interface PlotRunOptions {
  /** None unless given. */
  readonly title?: string;
  /** What is shown, a panel each, by its name in tables: 'loss', 'accuracy', 'learningRate', 'gradientNorm'; ['loss'] unless given. */
  readonly panels?: readonly string[];
  /** In pixels; 900 unless given. */
  readonly width?: number;
  /** In pixels; 300 and 140 for each panel unless given. */
  readonly height?: number;
  /** 'svg' unless given. */
  readonly format?: 'svg' | 'png';
}

/**
 * Draws a run, or several, as a picture: training and validation on one axis of global steps.
 *
 * A curve tells in a second what a table of losses does not; and a report, a README or an issue wants it as a file.
 *
 * ```text
 * events:  --1--2--V--(E|)
 *          plotRun
 * promise: -----------(p|)       p = '<svg …>'
 * ```
 *
 * A panel has every micro-batch's value, faint (the band that they fill, where they are too many to tell apart); the steps; what `ema` has added, bold; and
 * validations with their steps marked. Several runs have a colour each (eight, then again from the first), validations are dashed, and micro-batches are left out. A value that is
 * NaN or infinite is a gap, and a red cross at the top. A run without events gives a picture that says so. A run is subscribed to, so a recording
 * (`replay`), what `history` kept, and a run that is about to train are plotted alike; operators before it choose the average and leave out steps.
 *
 * Names of panels are those of columns in tables; metrics have the curves that the loss has. It needs the package `echarts`, and for a PNG
 * `@resvg/resvg-js` and a font. In browsers it draws SVG only.
 *
 * **Memory**: all events, until they are drawn. **Cost**: of many points only those are drawn that can be seen, extremes among them: 100 000 steps are
 * a picture of some 60 kB.
 *
 * @example
 * ```ts
 * import { writeFile } from 'node:fs/promises';
 * import { plotRun } from 'gradstream/plot';
 *
 * const run$ = replay('runs/first/events.jsonl').pipe(ema('loss', { alpha: 0.05 }));
 * await writeFile('first.svg', await plotRun(run$, { title: 'First run', panels: ['loss', 'learningRate'] }));
 * await writeFile('both.png', await plotRun({ first: run$, second: replay('runs/second/events.jsonl') }, { format: 'png' }));
 * ```
 *
 * @param runs - The events of a run as an array, an iterable, an Observable; or of several runs, by their names.
 * @throws {@link ArgumentError} (rejects) if no run has what a panel is to show, or a size is no positive integer, or too small for what is to be in it. Rejects with what a run errors with.
 */
export function plotRun(runs: Runs, options: PlotRunOptions & { readonly format: 'png' }): Promise<Uint8Array>;
export function plotRun(runs: Runs, options?: PlotRunOptions & { readonly format?: 'svg' }): Promise<string>;
export async function plotRun(runs: Runs, options: PlotRunOptions = {}): Promise<string | Uint8Array> {
  const { title = '', panels = ['loss'], width = 900, height = 300 + 140 * panels.length, format = 'svg' } = options;
  assertPositiveInteger(width, 'plotRun: width');
  assertPositiveInteger(height, 'plotRun: height');

  const places = Math.ceil(plotWidth(width) / 2);
  const named = isOne(runs) ? [[undefined, runs] as const] : Object.entries(runs);
  const all = await Promise.all(
    named.map(async ([name, run]) => ({
      name,
      recording: recordingOf(await lastValueFrom(from(run).pipe(toArray()))),
    })),
  );
  mustHave(
    panels,
    all.flatMap(({ recording }) => namesIn(recording)),
  );
  const drawing = picture(
    panels.map((panel) => ({
      name: panel,
      curves: all.flatMap(({ name, recording }, run) => drawn(curvesOf(recording, panel), { name, run, places })),
    })),
    { title, width, height },
  );

  const { init } = await import('echarts').catch((cause: unknown) => {
    throw new Error(`plotRun: it needs the package 'echarts' (npm install it): ${messageOf(cause)}`, { cause });
  });
  const canvas = init(null, null, { renderer: 'svg', ssr: true, width, height });
  canvas.setOption(drawing);
  const svg = canvas.renderToSVGString();
  canvas.dispose();
  if (format === 'svg') return svg;
  // In a browser's bundle the module is left out (package.json, "browser").
  const { png } = (await import('./png.js')) as Partial<typeof import('./png.js')>;
  if (!png) throw new Error("plotRun: format 'png' needs Node; in a browser draw the SVG");
  return png(svg);
}

function isOne(runs: Runs): runs is ObservableInput<TrainingEvent> {
  const methods = [Symbol.iterator, Symbol.asyncIterator, 'then', 'getReader'];
  return isObservable(runs) || methods.some((method) => method in runs);
}

/** A panel that no run has anything for is a wrong name; a run without events has none at all. */
function mustHave(panels: readonly string[], known: readonly string[]): void {
  const names = [...new Set(known)];
  const wrong = names.length > 0 && panels.find((panel) => !names.includes(panel));
  if (wrong)
    throw new ArgumentError(`plotRun: panels must be in the events, '${wrong}' is not; there are ${names.join(', ')}`);
}
