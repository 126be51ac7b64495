import { AS_SHIPPED, BY_HAND, OWN_LOOP } from './contenders.js';
import type { BenchModel } from './models.js';

/** One contender on one model. */
export interface Row {
  readonly model: BenchModel;
  readonly contender: string;
  readonly msPerMicroBatch: number;
  readonly min: number;
  readonly max: number;
  /** Its time over that of each base there is: the median of the rounds' ratios. */
  readonly over: Readonly<Record<string, number>>;
  /** Its loss after the steps that are compared. */
  readonly loss: number;
  /** By how much its losses differ from those of the loop by hand, at most. */
  readonly lossOff: number;
  /** Whether that is within {@link TOLERANCE}: only then the same work has been timed. */
  readonly sameLoss: boolean;
}

export const LIGHTNING = 'Lightning';
const BASES = [LIGHTNING, AS_SHIPPED, BY_HAND, OWN_LOOP];

/** By how much a loss may differ from the one of the loop by hand, as a part of it. */
export const TOLERANCE = 5e-4;

const median = (values: readonly number[]): number => {
  const [sorted, middle] = [[...values].sort((a, b) => a - b), Math.floor(values.length / 2)];
  return values.length % 2 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
};
const rounded = (value: number): number => Number(value.toPrecision(4));

/** The largest difference between losses of the same step, as a part of the loss. */
function lossOff(losses: readonly number[], reference: readonly number[]): number {
  if (losses.length !== reference.length) return Infinity;
  return rounded(Math.max(...losses.map((loss, i) => Math.abs(loss - reference[i]!) / Math.abs(reference[i]!))));
}

/** The rows of one model, from each contender's milliseconds per micro-batch in every round. */
export function rowsOf(
  model: BenchModel,
  times: ReadonlyMap<string, readonly number[]>,
  losses: ReadonlyMap<string, readonly number[]>,
): Row[] {
  const off = (contender: string): number => lossOff(losses.get(contender)!, losses.get(BY_HAND)!);
  return [...times].map(([contender, ms]) => ({
    model,
    contender,
    msPerMicroBatch: rounded(median(ms)),
    min: rounded(Math.min(...ms)),
    max: rounded(Math.max(...ms)),
    over: Object.fromEntries(
      BASES.flatMap((base) => {
        const theirs = times.get(base);
        return theirs ? [[base, rounded(median(ms.map((value, i) => value / theirs[i]!)))]] : [];
      }),
    ),
    loss: rounded(losses.get(contender)!.at(-1)!),
    lossOff: off(contender),
    sameLoss: off(contender) <= TOLERANCE,
  }));
}

/** What `console.table` shows of a row. */
export function shown({ contender, msPerMicroBatch, min, max, over, loss, lossOff: off, sameLoss }: Row): object {
  return {
    contender,
    ms: msPerMicroBatch,
    'least to most': `${min}–${max}`,
    ...Object.fromEntries(Object.entries(over).map(([base, ratio]) => [`× ${base}`, ratio])),
    loss,
    'off by': sameLoss ? off : `${off}: NOT THE SAME WORK`,
  };
}

/** A Markdown table: milliseconds per micro-batch (least to most), and the ratio to Lightning or else to the loop by hand. */
export function markdown(rows: readonly Row[]): string {
  const models = [...new Set(rows.map(({ model }) => model))];
  const names = [...new Set(rows.map(({ contender }) => contender))];
  const cell = (contender: string, model: string): string => {
    const row = rows.find((each) => each.contender === contender && each.model === model);
    if (!row) return '–';
    const { msPerMicroBatch: ms, min, max, over, sameLoss } = row;
    const ratio = over[LIGHTNING] ?? over[BY_HAND];
    return `${ms} (${min}–${max}), × ${ratio}${sameLoss ? '' : ', other losses'}`;
  };
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  return [
    line(['', ...models]),
    line(['---', ...models.map(() => '---')]),
    ...names.map((name) => line([name, ...models.map((model) => cell(name, model))])),
  ].join('\n');
}
