import type { TrainingEvent } from '../../core/events.js';
import type { Histogram } from '../../core/histogram.js';
import { scalarsOf } from '../scalars.js';
import type { ItemMessage, RecordMessage } from './messages.js';

/** Values by their names, as JSON. */
export type Values = Readonly<Record<string, string>>;

/** What a step has: one point on W&B's axis. */
export interface Row {
  readonly step: number;
  readonly values: Values;
}

/** What an event adds to the row of its step. */
export function valuesOf(event: TrainingEvent): Values {
  const scalars = Object.entries(scalarsOf(event)).map(([name, value]) => [name, jsonNumber(value)]);
  const histograms =
    event.type === 'histogram' ? [event] : event.type === 'step' && event.histograms ? event.histograms : [];
  return Object.fromEntries([...scalars, ...histograms.flatMap(histogram)]) as Values;
}

/** What kind of event a value in a row comes from. */
export function kindOf(name: string): 'step' | 'validation' {
  return /^(ema\/)?validation/.test(name) ? 'validation' : 'step';
}

/** A row is written twice: as a point, and as what was last, which is shown in W&B's table of runs. */
export function recordsOfRow({ step, values }: Row): RecordMessage[] {
  const items = itemsOf(values);
  return [{ history: { item: items, step: { num: step } } }, { summary: { update: items } }];
}

/** The row that was written, if a record is one. */
export function rowOf({ history }: RecordMessage): Row | undefined {
  if (!history) return undefined;
  const values = history.item.map(({ nestedKey, valueJson }) => [nestedKey[0], valueJson]);
  return { step: history.step.num ?? 0, values: Object.fromEntries(values) as Values };
}

export function itemsOf(values: Values): ItemMessage[] {
  return Object.entries(values).map(([name, valueJson]) => ({ nestedKey: [name], valueJson }));
}

/** As Python's JSON has it, which W&B reads: NaN and Infinity are words. */
export function jsonNumber(value: number): string {
  return Number.isFinite(value) ? JSON.stringify(value) : String(value);
}

/** As `wandb.Histogram` is kept. */
function histogram({ name, edges, counts }: Histogram): [string, string][] {
  return counts.length === 0 ? [] : [[name, JSON.stringify({ _type: 'histogram', values: counts, bins: edges })]];
}
