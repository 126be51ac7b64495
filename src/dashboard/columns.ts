import { numbers, type Numbers } from './numbers.js';

/** Named columns of numbers over ascending steps; a column that comes later has NaN where it had nothing. */
export interface Columns {
  readonly steps: Numbers;
  readonly byName: ReadonlyMap<string, Numbers>;
  add(step: number, values: Readonly<Record<string, number>>): void;
  /** Keeps so many rows. */
  cut(rows: number): void;
}

export function columns(...names: readonly string[]): Columns {
  const steps = numbers();
  const byName = new Map(names.map((name): [string, Numbers] => [name, numbers()]));

  const fill = (column: Numbers, length: number): void => {
    while (column.length < length) column.push(NaN);
  };
  return {
    steps,
    byName,
    add: (step, values) => {
      for (const name in values) {
        const column = byName.get(name) ?? numbers();
        byName.set(name, column);
        fill(column, steps.length);
        column.push(values[name]!);
      }
      steps.push(step);
      for (const column of byName.values()) fill(column, steps.length);
    },
    cut: (rows) => {
      for (const column of [steps, ...byName.values()]) column.cut(rows);
    },
  };
}
