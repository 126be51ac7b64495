import { resolve } from 'node:path';

import type { AsyncIterableX } from 'ix/asynciterable';
import { map } from 'ix/asynciterable/operators/map';
import * as v from 'valibot';

import type { Batch } from '../core/batch.js';
import { SourceError } from '../core/errors.js';
import type { EpochSource } from '../core/source.js';
import { batch } from '../data/batch.js';
import { csv } from '../data/csv.js';
import { jsonl } from '../data/jsonl.js';
import { ndArray, type DType, type NestedNumbers } from '../data/ndArray.js';
import type { Sample } from '../data/sample.js';
import { shuffle } from '../data/shuffle.js';
import { count, messageFor, objectOf, oneOf } from './parts.js';

/** Samples in a file, a line each. */
export interface FileData {
  /** A `.csv` file with the names of its columns in the first line, or `.jsonl`. */
  readonly file: string;
  /** The inputs: a list of columns makes a vector; one name, a number or, of JSON, whatever array is there. */
  readonly xs: string | readonly string[];
  readonly ys: string | readonly string[];
  /** What the labels become: 'int32' for numbers of classes; 'float32' unless given. */
  readonly labels?: DType;
  /** Samples per micro-batch. */
  readonly batch: number;
  /** Shuffles each epoch anew, with this seed; as it stands unless given. */
  readonly shuffle?: number;
}

const Columns = v.lazy((given) => (Array.isArray(given) ? v.array(v.string(messageFor)) : v.string(messageFor)));

export const FileDataSchema: v.GenericSchema<unknown, FileData> = objectOf({
  file: v.pipe(v.string(messageFor), v.regex(/[.](csv|jsonl)$/, 'must be a .csv or a .jsonl file')),
  xs: Columns,
  ys: Columns,
  labels: v.exactOptional(oneOf(['float32', 'int32', 'uint8'])),
  batch: count,
  shuffle: v.exactOptional(v.number(messageFor)),
}) as v.GenericSchema<unknown, FileData>;

type Row = Readonly<Record<string, NestedNumbers | string>>;

/** The batches of a file, read as they are asked for; it is gone through anew in each epoch. */
export function fileBatches(
  { file, xs, ys, labels, batch: size, shuffle: seed }: FileData,
  folder: string,
): EpochSource<Batch> {
  const path = resolve(folder, file);
  const rows: AsyncIterableX<Row> = path.endsWith('.csv') ? csv<Row>(path) : jsonl<Row>(path);
  const samples = rows.pipe(
    map((row, index): Sample => ({ xs: values(row, xs, index, file), ys: values(row, ys, index, file, labels) })),
  );
  return (epoch) =>
    seed === undefined ? samples.pipe(batch(size)) : samples.pipe(shuffle({ seed, epoch }), batch(size));
}

function values(row: Row, columns: string | readonly string[], index: number, file: string, dtype?: DType) {
  const at = (column: string): NestedNumbers => {
    const value = Object.hasOwn(row, column) ? row[column] : undefined;
    if (value !== undefined && typeof value !== 'string') return value;
    const has = value === undefined ? `it has ${Object.keys(row).join(', ')}` : `it is '${value}'`;
    throw new SourceError(`${file}: sample ${index + 1} must have a number as '${column}', ${has}`, index);
  };
  return ndArray(typeof columns === 'string' ? at(columns) : columns.map(at), dtype);
}
