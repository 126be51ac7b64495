import { appendFileSync, closeSync, existsSync, mkdirSync, openSync, renameSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';

import type { Sink } from '../../operators/tee.js';
import type { TrainingEvent } from '../core/events.js';
import { eventLine } from '../trainer/eventLine.js';
import { comesBefore } from './comesBefore.js';
import { recordedLines } from './recordedLines.js';

/**
 * Appends every event to a file, as one line of JSON: the recording of a run.
 *
 * A run is looked at again when it is over, and went wrong where nobody was looking.
 *
 * ```text
 * source:  --1-----------2-----------(E|)
 *          tee(jsonlFile('runs/first/events.jsonl'))
 * file:    --{"type":"step",…}⏎--{"type":"step",…}⏎--{"type":"end",…}⏎
 * ```
 *
 * An event is in the file when it goes on, so a process that is killed leaves whole lines, the last perhaps cut off. The file and its folder are made when
 * the first event comes. If there is a recording already, the run goes on with it: lines that come before the run's first event stay; a torn last line,
 * and what follows, is given again by the run, and goes. So the file of a run that was interrupted and went on from a checkpoint is that of a run that
 * never stopped; and a run that starts over takes the place of the recording that was there. A file that is no recording is left as it is.
 *
 * **Memory**: a recording that is there is read as a whole when the first event comes.
 *
 * @example
 * ```ts
 * train(model, batches, options).pipe(tee(jsonlFile('runs/first/events.jsonl')));
 * ```
 *
 * @param path - The file, named `….jsonl` by custom; `replay(path)` reads it.
 * Errors with {@link SinkError} naming the file and the line, if there is a file that is no recording, or a broken one.
 * @see {@link eventLine} for what a line is.
 */
export function jsonlFile(path: string): Sink<TrainingEvent> {
  let file: number | undefined;
  const close = (): void => {
    if (file !== undefined) closeSync(file);
    file = undefined;
  };
  return {
    next: (event) => {
      file ??= opened(path, event);
      appendFileSync(file, `${eventLine(event)}\n`);
    },
    error: close,
    complete: close,
    unsubscribe: close,
  };
}

function opened(path: string, first: TrainingEvent): number {
  mkdirSync(dirname(path), { recursive: true });
  if (existsSync(path)) {
    writeFileSync(`${path}.new`, recordedLines(path, comesBefore(first)).join(''));
    renameSync(`${path}.new`, path);
  }
  return openSync(path, 'a');
}
