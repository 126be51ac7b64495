import { readFileSync } from 'node:fs';

import type { TrainingEvent } from '../core/events.js';
import { SinkError } from '../core/sinkError.js';
import { recordedLine } from '../trainer/recordedLine.js';

/** How every line of a recording begins: what a first line that is torn may be. */
const BEGINS = '{"';

/** The lines of a recording whose events are kept, each with its end. A last line that is torn, as a process that was killed leaves it, is left out. */
export function recordedLines(path: string, keeps: (event: TrainingEvent) => boolean): string[] {
  const lines = readFileSync(path, 'utf8').split('\n');
  const kept: string[] = [];
  for (const [i, line] of lines.entries()) {
    if (line.trim() === '') continue;
    const event = recordedLine(line);
    if ('problem' in event) {
      const { problem, ...options } = event;
      const isTorn = 'cause' in options && i === lines.length - 1;
      if (isTorn && (line.startsWith(BEGINS) || BEGINS.startsWith(line))) continue;
      throw new SinkError(
        `jsonlFile: every line of ${path} must be an event, line ${i + 1} is not: ${problem}; mend the file, or record to another`,
        options,
      );
    }
    if (keeps(event)) kept.push(`${line}\n`);
  }
  return kept;
}
