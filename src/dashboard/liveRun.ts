import { messageOf } from '../core/errors.js';
import type { TrainingEvent } from '../core/events.js';
import { holdControls, type Controls } from './controls.js';
import type { Command, Status } from './protocol.js';
import { runLog } from './runLog.js';
import type { ShownRun } from './shownRun.js';

/** The run that is being trained in this process. */
export interface LiveRun extends ShownRun {
  readonly controls: Controls;
  readonly use: (command: Command) => void;
  add(event: TrainingEvent): void;
  fail(error: unknown): void;
  /** No more comes of this run; another may begin. */
  end(): void;
}

/** How often this process's memory is looked at. */
const MEMORY_EVERY_MS = 250;
const BYTES_PER_MB = 2 ** 20;

export function liveRun(name: string, firstRate?: number): LiveRun {
  const log = runLog();
  const held = holdControls(firstRate);
  let status: Status = 'waiting';
  let learningRate: number | undefined;
  let measuredMs = -Infinity;

  const memory = (): Record<string, number> | undefined => {
    const now = performance.now();
    if (now - measuredMs < MEMORY_EVERY_MS) return undefined;
    measuredMs = now;
    return { 'memoryMb.process': process.memoryUsage.rss() / BYTES_PER_MB };
  };
  const isOver = (): boolean => status === 'ended' || status === 'failed';
  return {
    log,
    controls: held.controls,
    use: held.use,
    add: (event) => {
      if (status !== 'running') log.begin(event);
      status = 'running';
      if (event.type === 'step') ({ learningRate } = event);
      log.add(event, event.type === 'step' ? memory() : undefined);
    },
    fail: (error) => {
      status = 'failed';
      log.note({ globalStep: log.lastStep, kind: 'error', text: messageOf(error) });
    },
    end: () => (status = 'ended'),
    info: () => {
      const rate = held.learningRate() ?? learningRate;
      return {
        name,
        status: held.isPaused() && !isOver() ? 'paused' : status,
        lastStep: log.lastStep,
        controls: isOver() ? [] : held.listened(),
        ...(rate !== undefined && { learningRate: rate }),
      };
    },
  };
}
