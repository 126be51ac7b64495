import { existsSync, readFileSync } from 'node:fs';

import { parse } from 'csv-parse/browser/esm/sync';

import { SinkError } from '../core/sinkError.js';

/** A row of a table: what each column says, as text where it was read. */
export type Cells = Readonly<Record<string, string | number>>;

/** How every table of a run begins. */
const BEGINS = 'globalStep,epoch';

/** The columns and rows of a run's table; none, if there is no file. A last row that is broken, as a process that was killed leaves it, is left out. */
export function tableRows(path: string): { header: readonly string[]; rows: readonly Cells[] } {
  const text = existsSync(path) ? readFileSync(path, 'utf8') : '';
  const whole = text.slice(0, text.lastIndexOf('\n') + 1);
  const isTornHeader = whole === '' && BEGINS.startsWith(text); // or none
  if (!isTornHeader && !text.startsWith(BEGINS))
    throw new SinkError(
      `csvFile: ${path} must be the table of a run, or not be there, its columns are not ${BEGINS},…; write to another`,
    );
  const [header = [], ...rows] = parse(whole, { relax_column_count: true });
  const broken = rows.findIndex((fields) => fields.length !== header.length || !(Number(fields[0]) > 0));
  if (broken !== -1 && broken < rows.length - 1)
    throw new SinkError(
      `csvFile: every row of ${path} must have a global step and ${header.length} fields, row ${broken + 2} has not: ${rows[broken]!.join(',')}; ` +
        'mend the file, or write to another',
    );
  const good = broken === -1 ? rows : rows.slice(0, -1);
  return {
    header,
    rows: good.map((fields): Cells => Object.fromEntries(fields.map((field, i) => [header[i]!, field]))),
  };
}
