import { messageOf } from '../core/errors.js';
import type { TrainingEvent } from '../core/events.js';
import { recordedEvent } from './recordedEvent.js';

/** What is wrong with a line; `cause` is there if it is no JSON, as one that was cut off. */
export interface BadLine {
  readonly problem: string;
  readonly cause?: unknown;
}

/** The event of a line of a recording, or what is wrong with it. */
export function recordedLine(line: string): TrainingEvent | BadLine {
  let json: unknown;
  try {
    json = JSON.parse(line);
  } catch (cause) {
    return { problem: messageOf(cause), cause };
  }
  return recordedEvent(json);
}
