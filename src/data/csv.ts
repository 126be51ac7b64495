import type { CsvError, Parser } from 'csv-parse';
import type { AsyncIterableX } from 'ix/asynciterable';
import { defer } from 'ix/asynciterable/defer';

import { ArgumentError, SourceError } from '../core/errors.js';
import { assertMost, passOver } from './corrupt.js';
import { textChunks, type TextSource } from './textChunks.js';

/** Options of {@link csv}. */
export interface CsvOptions {
  /** The names of the columns, where no first line holds them. */
  readonly columns?: readonly string[];
  /** What stands between two fields; a comma unless given. */
  readonly delimiter?: string;
  /** Lines that begin with it are skipped. */
  readonly comment?: string;
  /** Whether fields that read as numbers become numbers; they do unless it is false. */
  readonly cast?: boolean;
  /** How many broken rows may be passed over; the console is told of each. None unless given. */
  readonly mostCorrupt?: number;
}

/**
 * Gives the rows of a CSV text one by one, as records by column name.
 *
 * Tables are how most data comes, and they need not fit into memory.
 *
 * ```text
 * chunks:  x,label⏎1,"c    at"⏎2,dog⏎
 * output:  {x: 1, label: 'cat'} {x: 2, label: 'dog'} |
 * ```
 *
 * The first line names the columns unless `columns` does. Fields may be quoted; space around them is dropped. A field that reads as a number is one,
 * quoted or not; an empty field stays an empty string. Empty lines are skipped, and chunks may be cut anywhere. Text without a row gives nothing.
 * The parser looks a few characters ahead: a row comes when the text goes on after it, or ends.
 * A row with too few or too many fields, or with broken quotes, is an error that names its line, after the rows before it. Nothing is opened
 * before the first row is asked for; early exit closes the file or stream at once. A path can be read any number of times.
 *
 * **Memory**: the rows of one chunk (64 KiB of a file).
 *
 * @example
 * ```ts
 * const samples = csv<{ x1: number; x2: number; label: number }>('points.csv').pipe(
 *   map((row) => ({ xs: ndArray([row.x1, row.x2]), ys: ndArray(row.label, 'int32') })),
 * );
 * ```
 *
 * @typeParam T - What the rows hold; it is believed, not checked.
 * @param source - A path (in Node), a Node Readable, a ReadableStream (`(await fetch(url)).body`), or chunks of text or UTF-8 bytes. Text itself is
 *   `[text]`.
 * @param options - Column names, delimiter, comments, numbers.
 * @throws {@link ArgumentError} at once, if `delimiter` or `comment` is empty, or `mostCorrupt` no number of rows.
 * Errors with {@link SourceError}, if a row is broken (`cause` is csv-parse's CsvError) or the file cannot be read; its `batch` counts the rows that
 * were given.
 */
export function csv<T extends object = Record<string, string | number>>(
  source: TextSource,
  options: CsvOptions = {},
): AsyncIterableX<T> {
  for (const name of ['delimiter', 'comment'] as const) {
    if (options[name] === '') throw new ArgumentError(`csv: ${name} must be at least one character, received none`);
  }
  assertMost(options.mostCorrupt ?? 0, 'csv: mostCorrupt');
  return defer((signal) => rows<T>(textChunks(source, 'csv', signal), options));
}

async function* rows<T extends object>(
  chunks: AsyncIterable<string>,
  { columns, delimiter = ',', comment, cast = true, mostCorrupt = 0 }: CsvOptions,
): AsyncGenerator<T, void, undefined> {
  // The build for browsers works in Node, too, and bundlers need no substitutes for Node's modules.
  const { parse } = await import('csv-parse/browser/esm');
  let parsed: Record<string, string | number>[] = [];
  const pass = passOver('csv', mostCorrupt);
  let broken: CsvError[] = [];
  let failure: CsvError | undefined;
  let fed = false;
  let given = 0;
  const parser: Parser = parse({
    columns: columns ? [...columns] : true,
    delimiter,
    ...(comment !== undefined && { comment, comment_no_infix: true }),
    trim: true,
    skip_empty_lines: true,
    skip_records_with_error: mostCorrupt > 0,
    // Taken here rather than read from the stream, which forgets the rows before an error.
    on_record: (row: Record<string, string>) => {
      parsed.push(cast ? withNumbers(row) : row);
      return null;
    },
  });
  parser.on('skip', (error: CsvError) => broken.push(error));
  parser.on('error', (error: CsvError) => (failure = error));

  const parsedBy = async function* (feed: (done: () => void) => unknown): AsyncGenerator<T, void, undefined> {
    parsed = [];
    broken = [];
    await new Promise<void>((resolve) => feed(resolve));
    for (const row of parsed) {
      yield row as T;
      given += 1;
    }
    for (const error of broken) pass(`line ${String(error['lines'])}`, error, given);
    if (failure) throw rowError(failure, given);
  };
  for await (const chunk of chunks) {
    if (chunk === '') continue;
    fed = true;
    yield* parsedBy((done) => parser.write(chunk, done));
  }
  if (fed) yield* parsedBy((done) => parser.end(done)); // a parser that was fed nothing never ends
}

function withNumbers(row: Record<string, string | number>): Record<string, string | number> {
  for (const name in row) {
    const field = row[name]!;
    const number = field === '' ? NaN : Number(field);
    if (!Number.isNaN(number)) row[name] = number;
  }
  return row;
}

function rowError(cause: CsvError, given: number): SourceError {
  return new SourceError(
    `csv: every row must be whole, line ${String(cause['lines'])} is not: ${cause.message}`,
    given,
    { cause },
  );
}
