import type { TrainingEvent } from '../core/events.js';
import { eventRow, type Row } from '../sinks/eventRow.js';
import type { Point } from './thinned.js';

/** A run as it is read once for all panels. */
export interface Recording {
  readonly events: readonly TrainingEvent[];
  readonly rows: readonly Row[];
}

/** What a run says of one number, each over the global step. */
export interface Curves {
  /** Every micro-batch's value, where steps have several. */
  readonly microBatches: readonly Point[];
  readonly steps: readonly Point[];
  /** What an `ema` has added. */
  readonly average: readonly Point[];
  readonly validation: readonly Point[];
}

export function recordingOf(events: readonly TrainingEvent[]): Recording {
  return { events, rows: events.map(eventRow).filter((row) => row !== undefined) };
}

/** The numbers of a run by name, as tables have them ('loss', 'accuracy', 'learningRate'): training's, their average, and validation's. */
export function curvesOf({ events, rows }: Recording, name: string): Curves {
  const curve = (column: string): Point[] =>
    rows.flatMap((row): Point[] => (column in row ? [point(row['globalStep']!, row[column]!)] : []));
  const microBatches = events.flatMap((event): Point[] => {
    if (event.type !== 'step' || event.microBatches.length < 2) return [];
    const values = event.microBatches.map(({ loss, metrics }) => (name === 'loss' ? loss : metrics[name]));
    return values.flatMap((value): Point[] => (value === undefined ? [] : [point(event.globalStep, value)]));
  });
  return { microBatches, steps: curve(name), average: curve(`ema.${name}`), validation: curve(`validation.${name}`) };
}

/** What is infinite has no place either. */
function point(globalStep: number, value: number): Point {
  return [globalStep, Number.isFinite(value) ? value : NaN];
}

/** What there are curves of. */
export function namesIn({ rows }: Recording): string[] {
  const columns = new Set(rows.flatMap((row) => Object.keys(row)));
  for (const count of ['globalStep', 'microStep', 'epoch']) columns.delete(count);
  return [...new Set([...columns].map((name) => name.replace(/^(ema|validation)[.]/, '')))];
}
