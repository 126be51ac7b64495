import { defer } from 'ix/asynciterable/defer';
import type { Observable } from 'rxjs';

import { SourceError } from '../core/errors.js';
import type { TrainingEvent } from '../core/events.js';
import { fromPull } from '../core/fromPull.js';
import { lines } from '../data/lines.js';
import { textChunks, type TextSource } from '../data/textChunks.js';
import { recordedLine } from './recordedLine.js';

/**
 * Gives the events of a recorded run again.
 *
 * Which average is smooth enough, and which cadence is enough, is often seen only afterwards: every operator on events works on a recording as on
 * the run itself.
 *
 * ```text
 * text:    {"type":"step",…}⏎{"type":"step",…}⏎{"type":"end",…}⏎
 * output:  1 2 (E|)
 * ```
 *
 * The text is JSON lines, as {@link eventLine} writes them. Averages that were recorded stay; an `ema` of the same name takes their place. Kinds of
 * events that are not known pass through. Like a run it starts at subscription, waits for slow sinks, can be paused by `gate`, and closes the file when
 * it is unsubscribed. A last line that was cut off, as a crash leaves it, is left out, and the console says so.
 *
 * **Memory**: one chunk of the text, and one event.
 *
 * @example
 * ```ts
 * replay('runs/first.jsonl').pipe(ema('loss', { alpha: 0.1 }), logEvery(10)).subscribe(console.log);
 * ```
 *
 * @param source - A path (in Node), a Node Readable, a ReadableStream (`(await fetch(url)).body`), or chunks of text or UTF-8 bytes. Text itself is
 *   `[text]`.
 * Errors with {@link SourceError} naming the line, if it is no event, or if there is none; its `batch` counts the events that were given.
 */
export function replay(source: TextSource): Observable<TrainingEvent> {
  return fromPull<TrainingEvent>(
    defer((signal) => events(textChunks(source, 'replay', signal))),
    { prefetch: 0 },
  );
}

async function* events(chunks: AsyncIterable<string>): AsyncGenerator<TrainingEvent, void, undefined> {
  let lineNumber = 0;
  let given = 0;
  let broken: SourceError | undefined;
  for await (const line of lines(chunks)) {
    if (broken) throw broken; // it was not the last
    lineNumber += 1;
    if (line.trim() === '') continue;
    const event = eventOf(line, lineNumber, given);
    if (event instanceof SourceError) {
      broken = event;
      continue;
    }
    yield event;
    given += 1;
  }
  if (broken) console.warn(`${broken.message}; it is the last, and cut off: ${given} events were whole`);
  if (given === 0) throw new SourceError('replay: the text must hold an event, received none', 0);
}

/** The event of a line; an error, not thrown, if it is no JSON: so may the last one be. */
function eventOf(line: string, lineNumber: number, given: number): TrainingEvent | SourceError {
  const event = recordedLine(line);
  if (!('problem' in event)) return event;
  const { problem, ...options } = event;
  const refused = new SourceError(
    `replay: every line must be an event, line ${lineNumber} is not: ${problem}`,
    given,
    options,
  );
  if ('cause' in options) return refused;
  throw refused;
}
