import type { RunLog } from './runLog.js';
import type { RunInfo } from './protocol.js';

/** A run that can be looked at: the one that is being trained, or a recorded one. */
export interface ShownRun {
  readonly log: RunLog;
  /** How it stands now. */
  info(): RunInfo;
}
