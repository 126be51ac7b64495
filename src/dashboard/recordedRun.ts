import { recordedLine } from '../trainer/recordedLine.js';
import { followLines } from './followLines.js';
import type { Status } from './protocol.js';
import { runLog } from './runLog.js';
import type { ShownRun } from './shownRun.js';

/** A run that another process records, or has recorded. */
export interface RecordedRun extends ShownRun {
  /** Takes in what has been recorded since. */
  readOn(): Promise<void>;
}

/** A recording without an end that has not grown for so long is taken for one of a run that was killed. */
const QUIET_MS = 60_000;

/**
 * @param events - The recording: lines that `eventLine` wrote.
 * @param now - The clock that files are dated by, in milliseconds.
 */
export function recordedRun(name: string, events: string, now: () => number): RecordedRun {
  const log = runLog();
  let lines = 0;
  let hasEnded = false;

  const take = (line: string): void => {
    lines += 1;
    if (line.trim() === '') return;
    const event = recordedLine(line);
    if ('problem' in event) {
      log.note({ globalStep: log.lastStep, kind: 'error', text: `line ${lines} is no event: ${event.problem}` });
      return;
    }
    hasEnded = event.type === 'end';
    log.add(event);
  };
  const file = followLines(events, {
    line: take,
    restart: () => {
      log.begin({ type: 'step', globalStep: 0 }); // nothing comes before that
      lines = 0;
      hasEnded = false;
    },
  });
  const status = (): Status => {
    if (hasEnded) return 'ended';
    if (now() - file.changedMs > QUIET_MS) return 'stopped';
    return log.lastStep > 0 ? 'running' : 'waiting';
  };
  return {
    log,
    readOn: () => file.readOn(),
    info: () => ({ name, status: status(), lastStep: log.lastStep, controls: [] }),
  };
}
