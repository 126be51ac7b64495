import { once } from 'node:events';
import { relative } from 'node:path';

import type { Sink } from '../../operators/tee.js';
import type { TrainingEvent } from '../core/events.js';
import { eventLine } from '../trainer/eventLine.js';

/** Prints a line where results go; settles when whoever reads them keeps up. */
export async function print(line: string): Promise<void> {
  if (!process.stdout.write(`${line}\n`)) await once(process.stdout, 'drain');
}

/** Says something to whoever looks on; results stay apart from it. */
export function say(line: string): void {
  process.stderr.write(`${line}\n`);
}

/** Prints each event as a line of JSON. */
export const jsonLines: Sink<TrainingEvent> = { next: (event) => print(eventLine(event)) };

/** A path as people read it: relative where that is shorter. */
export function shownPath(path: string): string {
  const short = relative('', path);
  return short === '' || short.startsWith('..') ? path : short;
}
