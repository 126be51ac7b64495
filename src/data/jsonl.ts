import type { AsyncIterableX } from 'ix/asynciterable';
import { defer } from 'ix/asynciterable/defer';

import { messageOf, SourceError } from '../core/errors.js';
import { assertMost, passOver } from './corrupt.js';
import { lines } from './lines.js';
import { textChunks, type TextSource } from './textChunks.js';

/** Options of {@link jsonl}. */
export interface JsonlOptions {
  /** How many lines that are no JSON may be passed over; the console is told of each. None unless given. */
  readonly mostCorrupt?: number;
}

/**
 * Gives the values of a JSON lines text one by one.
 *
 * The format can be appended to, cut and streamed: data of any size need not fit into memory.
 *
 * ```text
 * chunks:  {"x":1}⏎{"x"    :2}⏎⏎{"x":3}
 * output:  {x: 1}          {x: 2} {x: 3} |
 * ```
 *
 * Blank lines are skipped, the last line needs no end, and chunks may be cut anywhere. Text without a value gives nothing. A line that is no JSON
 * is an error that names it, after the values before it. Nothing is opened before the first value is asked for; early exit closes the file
 * or stream at once. A path can be read any number of times.
 *
 * **Memory**: one chunk, and one line.
 *
 * @example
 * ```ts
 * const samples = jsonl<{ x: number[]; y: number }>('points.jsonl').pipe(map(({ x, y }) => ({ xs: ndArray(x), ys: ndArray(y) })));
 * ```
 *
 * @typeParam T - What the lines hold; it is believed, not checked.
 * @param source - A path (in Node), a Node Readable, a ReadableStream (`(await fetch(url)).body`), or chunks of text or UTF-8 bytes. Text itself is
 *   `[text]`.
 * @throws {@link ArgumentError} at once, if `mostCorrupt` is no number of lines.
 * Errors with {@link SourceError}, if a line is no JSON or the file cannot be read; its `batch` counts the values that were given.
 */
export function jsonl<T = unknown>(source: TextSource, { mostCorrupt = 0 }: JsonlOptions = {}): AsyncIterableX<T> {
  assertMost(mostCorrupt, 'jsonl: mostCorrupt');
  return defer((signal) => values<T>(textChunks(source, 'jsonl', signal), mostCorrupt));
}

async function* values<T>(chunks: AsyncIterable<string>, mostCorrupt: number): AsyncGenerator<T, void, undefined> {
  const pass = passOver('jsonl', mostCorrupt);
  let lineNumber = 0;
  let given = 0;
  for await (const line of lines(chunks)) {
    lineNumber += 1;
    if (line.trim() === '') continue;
    let value: T;
    try {
      value = JSON.parse(line) as T;
    } catch (cause) {
      if (mostCorrupt > 0) {
        pass(`line ${lineNumber}`, cause, given);
        continue;
      }
      throw new SourceError(`jsonl: every line must be JSON, line ${lineNumber} is not: ${messageOf(cause)}`, given, {
        cause,
      });
    }
    yield value;
    given += 1;
  }
}
