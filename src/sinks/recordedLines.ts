import { readFileSync } from 'node:fs';

import { messageOf } from '../core/errors.js';
import type { TrainingEvent } from '../core/events.js';
import { SinkError } from '../core/sinkError.js';
import { recordedEvent } from '../trainer/recordedEvent.js';

/** How every line of a recording begins: what a first line that is torn may be. */
const BEGINS = '{"';

/** The lines of a recording whose events are kept, each with its end. A last line that is torn, as a process that was killed leaves it, is left out. */
export function recordedLines(path: string, keeps: (event: TrainingEvent) => boolean): string[] {
  const lines = readFileSync(path, 'utf8').split('\n');
  const kept: string[] = [];
  for (const [i, line] of lines.entries()) {
    if (line.trim() === '') continue;
    const refused = (problem: string, options?: ErrorOptions): SinkError =>
      new SinkError(
        `jsonlFile: every line of ${path} must be an event, line ${i + 1} is not: ${problem}; mend the file, or record to another`,
        options,
      );
    let json: unknown;
    try {
      json = JSON.parse(line);
    } catch (cause) {
      const isTorn = i === lines.length - 1 && (line.startsWith(BEGINS) || BEGINS.startsWith(line));
      if (isTorn) continue;
      throw refused(messageOf(cause), { cause });
    }
    const event = recordedEvent(json);
    if ('problem' in event) throw refused(event.problem);
    if (keeps(event)) kept.push(`${line}\n`);
  }
  return kept;
}
