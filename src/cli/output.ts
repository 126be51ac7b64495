import { relative } from 'node:path';

import { fromEvent, merge, type Observable } from 'rxjs';

import type { Sink } from '../../operators/tee.js';
import type { TrainingEvent } from '../core/events.js';
import { eventLine } from '../trainer/eventLine.js';

/** Prints a line where results go; settles when it is there, so that whoever reads them keeps up. Rejects with EPIPE where nobody reads any more. */
export function print(line: string): Promise<void> {
  return new Promise((resolve, reject) => {
    process.stdout.write(`${line}\n`, (error) => (error ? reject(error) : resolve()));
  });
}

/** Says something to whoever looks on; results stay apart from it. */
export function say(line: string): void {
  process.stderr.write(`${line}\n`);
}

/** Prints each event as a line of JSON, as long as somebody reads. */
export const jsonLines: Sink<TrainingEvent> = {
  next: async (event) => {
    try {
      await print(eventLine(event));
    } catch (error) {
      if (!isUnread(error)) throw error;
    }
  },
};

/** Whether an error says that whoever read has seen enough, as `head` has. */
export function isUnread(error: unknown): boolean {
  return (error as NodeJS.ErrnoException | undefined)?.code === 'EPIPE';
}

/** Emits when nothing can be written any more, to where results go or to whoever looks on. */
export function outputErrors(): Observable<unknown> {
  return merge(fromEvent(process.stdout, 'error'), fromEvent(process.stderr, 'error'));
}

/** A path as people read it: relative where that is shorter. */
export function shownPath(path: string): string {
  const short = relative('', path);
  return short === '' || short.startsWith('..') ? path : short;
}
